"""The rollups in memory, and ends of jobs to count in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from promptmill.analytics.rollup import FinishedJob, Row, finished_job
from promptmill.analytics.store import RollupStore
from promptmill.clock import new_id
from promptmill.events.envelope import outcome_event
from tests.support.builders import AT_MS, COST, a_job


class MemoryRollups(RollupStore):
    """Rollups in a dictionary, by event. ``errors`` are raised in turn in place of counting, None counts."""

    def __init__(self, *errors: Exception | None) -> None:
        self.jobs: dict[str, FinishedJob] = {}
        self.counted_at: dict[str, tuple[int, int]] = {}
        self._errors = list(errors)

    def count(self, job: FinishedJob, *, at_ms: int, retention_days: int) -> bool:
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error
        is_new = job.event_id not in self.jobs
        self.jobs.setdefault(job.event_id, job)
        self.counted_at.setdefault(job.event_id, (at_ms, retention_days))
        return is_new

    def owners_rows(self, owner: str, *, first_day: str, last_day: str) -> Iterator[Row]:
        return self._among({owner}, first_day, last_day)

    def everybodys_rows(self, *, first_day: str, last_day: str) -> Iterator[Row]:
        return self._among({job.owner for job in self.jobs.values()}, first_day, last_day)

    def _among(self, owners: set[str], first_day: str, last_day: str) -> Iterator[Row]:
        jobs = (job for job in self.jobs.values() if job.owner in owners)
        return (job.row for job in jobs if first_day <= job.row.key.day <= last_day)


def an_outcome(status: str = "succeeded", *, code: str = "", at: str = "", **fields: Any) -> dict[str, Any]:
    """The detail of a terminal event of a job that these are fields of; ``code`` is that of its error."""
    job_id = new_id("job", AT_MS)
    error = {"code": code or "provider_timeout", "step": "InvokeBedrock"}
    fields = {"cost": COST, **({"error": error} if status in {"failed", "rejected", "expired"} else {}), **fields}
    detail = outcome_event(a_job(status, id=job_id, **fields))
    if at:
        detail["metadata"]["occurred_at"] = at
    return detail


def counted(*details: dict[str, Any]) -> MemoryRollups:
    """Rollups that have these events."""
    rollups = MemoryRollups()
    for detail in details:
        rollups.count(finished_job(detail), at_ms=AT_MS, retention_days=90)
    return rollups


def a_message(detail: Any, *, replayed: bool = False, message_id: str = "m-1") -> dict[str, Any]:
    """An SQS message from the bus, as Lambda hands it over."""
    event = {"detail-type": "job.succeeded", "source": "promptmill.jobs", "detail": detail}
    return {"messageId": message_id, "body": json.dumps(event | ({"replay-name": "again"} if replayed else {}))}
