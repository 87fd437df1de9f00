"""The request of a replay, as POST /v1/jobs/{job_id}/replay and the operators' command read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptmill.errors import NothingRecorded
from promptmill.http.body import validated
from promptmill.jobs.ledger import recorded_call
from promptmill.jobs.model import ReplayMode
from promptmill.jobs.replay.overrides import merge_overrides
from promptmill.jobs.requests import JobRequest

if TYPE_CHECKING:
    from promptmill.jobs.requests import EnhanceJob, ImageJob, ReplayJob
    from promptmill.jobs.store import StoredWork


def replay_request(source: StoredWork, wanted: ReplayJob) -> EnhanceJob | ImageJob:
    """The request of a new job from the stored input of ``source``, with what is wanted otherwise.

    Raises ``InvalidInput`` when the two do not go together, ``NothingRecorded`` when no answer was recorded to give.
    """
    overrides = wanted.model_dump(exclude={"mode"}, exclude_none=True)
    request: EnhanceJob | ImageJob = validated(merge_overrides(source.job, overrides, wanted.mode), JobRequest)
    if wanted.mode is ReplayMode.RECORDED and recorded_call(source.calls) is None:
        raise NothingRecorded
    return request
