"""What is to be done with a job of a user who left. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from promptmill.clock import epoch_ms

if TYPE_CHECKING:
    from promptmill.jobs.model import Job

# Stopping an execution does not stop the step that is at work: it may write for as long as Step Functions waits for it.
QUIET_MS = 90_000


class Verdict(StrEnum):
    CANCEL = "cancel"
    """It is not over."""
    WAIT = "wait"
    """Its event is not out, or a step of it may still be at work."""
    ERASE = "erase"
    """Nothing will be written of it any more."""


def judge(job: Job, at_ms: int) -> Verdict:
    """What to do with the job now."""
    if not job.status.is_terminal:
        return Verdict.CANCEL
    is_quiet = at_ms >= epoch_ms(job.finished_at or job.created_at) + QUIET_MS
    return Verdict.ERASE if job.due_at is None and is_quiet else Verdict.WAIT
