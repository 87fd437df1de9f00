"""What is to be done with a job that the sweeper found open. Pure.

A job is open until the event of its outcome is out and its reservation is settled. Its own execution closes it; what an
execution could not finish, or never began, is finished here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from promptmill.clock import epoch_ms
from promptmill.errors import DeadlinePassed, WorkflowUnavailable
from promptmill.jobs.model import JobStatus

if TYPE_CHECKING:
    from promptmill.jobs.model import Job

RUNNING = "RUNNING"
# An execution that sees the deadline pass needs this long to end the job itself.
GRACE_MS = 60_000
LOOK_AGAIN_MS = 60_000


class Verdict(StrEnum):
    WAITING = "waiting"
    """Its execution is at work, and has time."""
    ANNOUNCED = "announced"
    """It is over, and nobody knows whether its event is out."""
    SUCCEEDED = "succeeded"
    """Its result is there, paid for, and the execution that should have said so is gone or late."""
    EXPIRED = "expired"
    """Its deadline passed."""
    UNSTARTED = "unstarted"
    """Nobody started its execution: whoever accepted it was cut off, and told nobody that it was accepted."""
    ABANDONED = "abandoned"
    """Its execution ended without settling it."""

    @property
    def settles_as(self) -> JobStatus | None:
        return {
            Verdict.SUCCEEDED: JobStatus.SUCCEEDED,
            Verdict.EXPIRED: JobStatus.EXPIRED,
            Verdict.UNSTARTED: JobStatus.FAILED,
            Verdict.ABANDONED: JobStatus.FAILED,
        }.get(self)


def judge(job: Job, execution: str | None, at_ms: int) -> Verdict:
    """``execution`` is the status of the job's execution, None when there is none."""
    deadline_ms = epoch_ms(job.deadline_at)
    works_in_time = execution == RUNNING and at_ms < deadline_ms + GRACE_MS
    if job.status.is_terminal:
        # Who canceled a job stops its execution, which then publishes nothing.
        return Verdict.WAITING if works_in_time and job.status is not JobStatus.CANCELED else Verdict.ANNOUNCED
    if works_in_time:
        return Verdict.WAITING
    if job.result is not None:
        return Verdict.SUCCEEDED
    if execution is None and job.status is JobStatus.QUEUED:
        return Verdict.UNSTARTED
    return Verdict.EXPIRED if at_ms >= deadline_ms else Verdict.ABANDONED


def error_of(verdict: Verdict, job: Job) -> dict[str, Any] | None:
    """The error of a job that is settled so, as the workflow would have written it."""
    if verdict is Verdict.UNSTARTED:
        return {"code": WorkflowUnavailable.code, "step": "StartExecution"}
    if verdict is Verdict.EXPIRED:
        return {"code": DeadlinePassed.code, "step": job.step or "CheckRate"}
    if verdict is Verdict.ABANDONED:
        return {"code": "internal_error", "step": job.step or "CheckRate"}
    return None


def next_look_ms(job: Job, at_ms: int) -> int:
    """When to look at a job again that is waited for."""
    soon_ms = at_ms + LOOK_AGAIN_MS
    return soon_ms if job.status.is_terminal else max(soon_ms, epoch_ms(job.deadline_at) + GRACE_MS)
