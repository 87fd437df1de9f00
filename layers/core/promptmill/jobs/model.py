"""The job: what it is and what may happen to it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptmill.limits.spending.reservation import Reservation

KINDS = ("enhance", "image")


class JobStatus(StrEnum):
    """``sequence`` orders a job's events; a status never goes to one with a lower or equal sequence."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        return self not in {JobStatus.QUEUED, JobStatus.RUNNING}

    @property
    def sequence(self) -> int:
        return {JobStatus.QUEUED: 1, JobStatus.RUNNING: 2}.get(self, 3)


class ReplayMode(StrEnum):
    """Where the answer of a replayed job comes from."""

    LIVE = "live"
    """The model is called again."""
    RECORDED = "recorded"
    """What the provider answered to the job that is replayed; nothing is paid."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job as stored. Times are RFC 3339 UTC, ``expires_at_seconds`` is the epoch second after which it is gone.

    ``subject`` is on whose account it counts, and ``reservation`` what it may cost there.
    ``result``, ``usage`` and ``cost`` are written by the provider step and count only once ``status`` is succeeded
    (cost: always). ``step`` is the workflow state last reported. ``due_at`` is when the sweeper looks at the job; it is
    None once the event of its outcome is out and its reservation is settled. ``self_url``, ``correlation_id`` and
    ``traceparent`` (W3C Trace Context) are what its events say of the request that made it.
    """

    id: str
    kind: str
    status: JobStatus
    owner: str
    subject: str
    reservation: Reservation
    created_at: str
    deadline_at: str
    expires_at_seconds: int
    input: dict[str, Any] = field(repr=False)
    metadata: dict[str, str] = field(default_factory=dict, repr=False)
    started_at: str | None = None
    finished_at: str | None = None
    step: str | None = None
    result: dict[str, Any] | None = field(default=None, repr=False)
    error: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    cost: dict[str, Any] | None = None
    due_at: str | None = None
    self_url: str = ""
    correlation_id: str = ""
    traceparent: str = ""
    replay_of: str | None = None
    replay_mode: ReplayMode | None = None
