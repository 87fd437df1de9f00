"""The workflow's AssemblePrompt: the job's costs are reserved, it begins, its request is written, its models named."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from promptmill.clock import now_ms, timestamp
from promptmill.errors import JobSettled
from promptmill.jobs.ledger import paid_nanousd
from promptmill.jobs.model import ReplayMode
from promptmill.prompting.assemble import assemble_request, request_to_state
from promptmill.providers.catalog import candidates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptmill.jobs.model import Job
    from promptmill.jobs.store import JobStore
    from promptmill.limits.spending.reservation import Claim
    from promptmill.limits.spending.store import SpendingStore


def assemble_prompt(
    claim: Claim,
    *,
    jobs: JobStore,
    spending: SpendingStore,
    configured: Mapping[str, Sequence[str]],
    at_ms: int | None = None,
) -> dict[str, Any]:
    """Returns ``{"candidates": [{"provider", "model"}, …]}``, best first. ``configured`` has the aliases by kind.

    Raises ``BudgetExhausted`` or ``RateLimited`` when the claim is refused, ``JobSettled`` when the job is over,
    ``InvalidInput`` when its model cannot be used any more, and ``JobStateBroken`` when the recorded answer it is to
    give is gone.
    """
    at = timestamp(now_ms() if at_ms is None else at_ms)
    job = _begin(claim, jobs, spending, at)
    if job.replay_mode is ReplayMode.RECORDED:
        return _take_over(job, jobs)
    models = candidates(job.kind, job.input.get("model"), configured[job.kind], date.fromisoformat(at[:10]))
    jobs.put_request(job, request_to_state(assemble_request(job)), models=[model.alias for model in models])
    return {"candidates": [{"provider": model.provider, "model": model.alias} for model in models]}


def _begin(claim: Claim, jobs: JobStore, spending: SpendingStore, at: str) -> Job:
    """Reserves, then begins: who settles a job that has begun finds its reservation, and settles that too.

    What is reserved for a job that was over already is given back here, for nobody else looks for it.
    """
    is_new = spending.reserve(claim)
    job = jobs.begin(claim.job_id, at=at, step="AssemblePrompt")
    if job is None or job.status.is_terminal:
        # A reservation that an earlier run made may have been spent from; one of this run has not.
        spent_nanousd = 0 if is_new or job is None else paid_nanousd(job.cost)
        spending.settle(claim.subject, claim.job_id, claim.reservation, spent_nanousd=spent_nanousd)
        raise JobSettled
    return job


def _take_over(job: Job, jobs: JobStore) -> dict[str, Any]:
    """Gives a recorded job the request of its source as it is; the one candidate is the model that answered."""
    from promptmill.jobs.replay.recorded import recording_for

    recording = recording_for(job, jobs=jobs)
    jobs.put_request(job, recording.request, models=recording.models)
    return {"candidates": [{"provider": "recorded", "model": recording.model}]}
