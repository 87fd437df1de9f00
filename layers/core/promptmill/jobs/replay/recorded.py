"""What a recorded job takes from the job it replays: its provider request, its models, its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from promptmill.errors import JobNotFound, JobStateBroken
from promptmill.jobs.ledger import recorded_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.jobs.model import Job
    from promptmill.jobs.store import JobStore


@dataclass(frozen=True, slots=True)
class Recording:
    """``models`` are those that were to be tried, ``model`` the one of them that gave ``answer``.

    ``answer`` has the form of ``providers.recorded``.
    """

    request: dict[str, Any] = field(repr=False)
    models: tuple[str, ...]
    model: str
    answer: dict[str, Any] = field(repr=False)


def recording_for(job: Job, *, jobs: JobStore) -> Recording:
    """What was recorded of the job that ``job`` replays.

    It was there when ``job`` was accepted: raises ``JobStateBroken`` when it is gone since, or is another owner's.
    """
    try:
        source = jobs.load_source(str(job.replay_of), job.owner)
    except JobNotFound as error:
        raise JobStateBroken("the job that is replayed is gone") from error
    call = recorded_call(source.calls)
    if call is None or call.answer is None or source.request is None:
        raise JobStateBroken("the job that is replayed has no recorded answer")
    return Recording(source.request, source.models, call.model, call.answer)


def answer_for(job_id: str, *, jobs: JobStore) -> Callable[[], dict[str, Any]]:
    """Reads, when called, the answer that a recorded job is to give; raises as ``recording_for``."""
    return lambda: recording_for(jobs.load_work(job_id).job, jobs=jobs).answer
