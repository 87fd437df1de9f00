"""What settles jobs from outside, in memory; ``tests/integration`` holds the store to the real one's promises."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from promptmill.errors import JobNotFound, PromptmillError, StoreUnavailable
from promptmill.events.names import EventName
from promptmill.events.publish import EventBus
from promptmill.jobs.model import Job, JobStatus
from promptmill.jobs.reach import Reach
from promptmill.jobs.records import NOTHING_PAID, open_shard
from promptmill.jobs.settling.settlement import Settlement
from promptmill.jobs.settling.store import SettlingStore
from tests.unit.jobs.accounts import MemorySpending
from tests.unit.jobs.fakes import FakeWorkflow, MemoryJobStore


class MemorySettlingStore(SettlingStore):
    """The jobs of a ``MemoryJobStore``."""

    def __init__(self, jobs: MemoryJobStore) -> None:
        self._jobs = jobs.jobs

    def load(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def settle(
        self,
        job_id: str,
        status: JobStatus,
        *,
        at: str,
        due_at: str,
        error: dict[str, Any] | None = None,
        reach: Reach | None = None,
    ) -> tuple[Job, bool]:
        job = self._jobs.get(job_id)
        if job is None or (reach is not None and not reach.covers(job)):
            raise JobNotFound
        if job.status.is_terminal or (status is JobStatus.SUCCEEDED and job.result is None):
            return job, (job.status, job.finished_at) == (status, at)
        written = job.error if error is None else json.loads(json.dumps(error))
        self._jobs[job_id] = replace(
            job, status=status, finished_at=at, due_at=due_at, error=written, cost=job.cost or NOTHING_PAID
        )
        return self._jobs[job_id], True

    def close(self, job_id: str) -> None:
        if job_id in self._jobs:
            self._jobs[job_id] = replace(self._jobs[job_id], due_at=None)

    def postpone(self, job_id: str, due_at: str) -> None:
        if job_id in self._jobs and self._jobs[job_id].due_at is not None:
            self._jobs[job_id] = replace(self._jobs[job_id], due_at=due_at)

    def due(self, shard: int, at: str, *, page_size: int) -> Iterator[list[str]]:
        def found() -> list[tuple[str, str]]:
            return sorted(
                (job.due_at, job.id)
                for job in self._jobs.values()
                if job.due_at is not None and job.due_at <= at and open_shard(job.id) == shard
            )

        after = ("", "")
        while True:
            page = [one for one in found() if one > after][:page_size]
            yield [job_id for _, job_id in page]
            if len(page) < page_size:
                return
            after = page[-1]


class UnreachableStore(MemorySettlingStore):
    """Fails at these methods."""

    def __init__(self, jobs: MemoryJobStore, *methods: str) -> None:
        super().__init__(jobs)
        for method in methods:
            setattr(self, method, _unavailable)


def _unavailable(*_arguments: object, **_named: object) -> None:
    raise StoreUnavailable


class FakeBus(EventBus):
    """Remembers what was published. ``error`` is raised at every event while it is set."""

    def __init__(self, error: PromptmillError | None = None) -> None:
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.error = error

    def publish(self, name: EventName, detail: dict[str, Any]) -> None:
        if self.error:
            raise self.error
        self.published.append((name, json.loads(json.dumps(detail))))

    @property
    def names(self) -> list[str]:
        return [detail_type for detail_type, _ in self.published]


def always() -> bool:
    return True


@dataclass
class World:
    """A settlement over parts in memory, and the parts."""

    jobs: MemoryJobStore = field(default_factory=MemoryJobStore)
    workflow: FakeWorkflow = field(default_factory=FakeWorkflow)
    bus: FakeBus = field(default_factory=FakeBus)
    spending: MemorySpending = field(default_factory=MemorySpending)
    store: SettlingStore | None = None

    @property
    def settlement(self) -> Settlement:
        return Settlement(self.store or MemorySettlingStore(self.jobs), self.workflow, self.bus, self.spending)

    def has(self, job: Job, execution: str | None = "RUNNING") -> Job:
        """A stored job whose execution has this status; None is a job without one."""
        self.jobs.add(job)
        if execution is not None:
            self.workflow.statuses[job.id] = execution
        return job

    def sweep(self, at_ms: int, has_time: Callable[[], bool] = always) -> dict[str, int]:
        return dict(self.settlement.sweep(at_ms=at_ms, has_time=has_time))

    def now(self, job: Job) -> Job:
        return self.jobs.jobs[job.id]
