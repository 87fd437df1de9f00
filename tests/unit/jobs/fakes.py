"""Outside parts in memory, with the promises of the real ones; ``tests/integration`` holds both job stores to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from promptmill.artifacts.store import ArtifactStore
from promptmill.clock import now_ms
from promptmill.errors import JobNotFound, JobStateBroken, PromptmillError, StoreUnavailable
from promptmill.idempotency.record import IdempotencyRecord
from promptmill.idempotency.store import IdempotencyStore
from promptmill.jobs.gateway import GenerationWorkflow
from promptmill.jobs.ledger import Call
from promptmill.jobs.listing.query import JobFilter
from promptmill.jobs.listing.store import EXAMINED, JobListing
from promptmill.jobs.model import Job, JobStatus
from promptmill.jobs.reach import Reach
from promptmill.jobs.records import NOTHING_PAID
from promptmill.jobs.store import JobStore, StoredWork
from promptmill.limits.gcra import RatePolicy
from promptmill.limits.store import RateStore
from promptmill.paging import Page
from promptmill.prompting.model import ProviderRequest
from promptmill.providers.catalog import Model
from promptmill.providers.interface import Answer


class MemoryJobStore(JobStore):
    """Jobs in a dictionary. What is stored has been through JSON, as in DynamoDB."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.requests: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.calls: dict[tuple[str, int], Call] = {}

    def add(self, job: Job) -> None:
        if self.jobs.setdefault(job.id, job) != job:
            raise StoreUnavailable("the id is taken")

    def add_action(self, job: Job) -> dict[str, Any]:
        return {"job": job}

    def get(self, job_id: str, owner: str | None, *, at_ms: int | None = None) -> Job:
        job = self.jobs.get(job_id)
        if job is None or not Reach(owner, (now_ms() if at_ms is None else at_ms) // 1000).covers(job):
            raise JobNotFound
        return job

    def begin(self, job_id: str, *, at: str, step: str) -> Job | None:
        job = self.jobs.get(job_id)
        if job is None or job.status.is_terminal:
            return job
        return self._put(job, status=JobStatus.RUNNING, started_at=job.started_at or at, step=step)

    def put_request(self, job: Job, request: dict[str, Any], *, models: Sequence[str]) -> None:
        self.requests[job.id] = (json.dumps(request), tuple(models))

    def load_work(self, job_id: str) -> StoredWork:
        if job_id not in self.jobs:
            raise JobStateBroken
        request, models = self.requests.get(job_id, ("null", ()))
        calls = tuple(call for (owner, _), call in sorted(self.calls.items()) if owner == job_id)
        return StoredWork(self.jobs[job_id], json.loads(request), models, calls)

    def load_source(self, job_id: str, owner: str | None, *, at_ms: int | None = None) -> StoredWork:
        return self.load_work(self.get(job_id, owner, at_ms=at_ms).id)

    def start_call(self, job: Job, call: Call, *, cost: dict[str, Any]) -> bool:
        stored = self.jobs[job.id]
        is_as_given = stored.status is JobStatus.RUNNING and stored.result is None and stored.cost == job.cost
        if not is_as_given or (job.id, call.number) in self.calls:
            return False
        self.calls[job.id, call.number] = call
        self._put(stored, step=call.step, cost=cost)
        return True

    def finish_call(
        self,
        job: Job,
        call: Call,
        *,
        cost: dict[str, Any],
        result: dict[str, Any] | None = None,
        usage: dict[str, Any] | None = None,
    ) -> bool:
        stored = self.jobs[job.id]
        if stored.cost != job.cost:
            return False
        if result is not None and (stored.status is not JobStatus.RUNNING or stored.result is not None):
            return False
        self.calls[job.id, call.number] = call
        self._put(stored, cost=cost)
        if result is not None:
            self._put(self.jobs[job.id], result=result, usage=usage)
        return True

    def settle_unstarted(self, job_id: str, *, at: str, error: dict[str, Any]) -> bool:
        job = self.jobs[job_id]
        if job.status is not JobStatus.QUEUED:
            return job.error == error
        self._put(job, status=JobStatus.FAILED, finished_at=at, error=error, cost=job.cost or NOTHING_PAID)
        return True

    def _put(self, job: Job, **fields: Any) -> Job:
        written = {name: json.loads(json.dumps(value)) for name, value in fields.items() if isinstance(value, dict)}
        self.jobs[job.id] = replace(job, **{**fields, **written})
        return self.jobs[job.id]


class MemoryJobListing(JobListing):
    """What a ``MemoryJobStore`` has, an owner at a time."""

    def __init__(self, jobs: MemoryJobStore, *, examined: int = EXAMINED) -> None:
        self._jobs = jobs
        self._examined = examined

    def page(
        self, owner: str, job_filter: JobFilter, *, limit: int, after: str | None = None, at_ms: int | None = None
    ) -> Page[Job]:
        at_seconds = (now_ms() if at_ms is None else at_ms) // 1000
        since = JobFilter(created_after_ms=job_filter.created_after_ms)
        left = [
            job
            for _, job in sorted(self._jobs.jobs.items(), reverse=True)
            if job.owner == owner and since.matches(job) and (after is None or job.id < after)
        ]
        examined = left[: limit + 1 if job_filter == since else self._examined]
        found = [job for job in examined if job_filter.matches(job)]
        position = None
        if len(found) > limit:
            position = found[limit - 1].id
        elif len(examined) < len(left):
            position = examined[-1].id
        return Page(tuple(job for job in found[:limit] if job.expires_at_seconds >= at_seconds), position)

    def read(self, job_ids: Sequence[str]) -> dict[str, Job]:
        assert len(job_ids) <= 100
        return {job_id: self._jobs.jobs[job_id] for job_id in job_ids if job_id in self._jobs.jobs}


class MemoryArtifacts(ArtifactStore):
    """Objects in a dictionary. ``fails_at`` counts the writes that fail, from 1."""

    def __init__(self, *, fails_at: Sequence[int] = ()) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.writes = 0
        self._fails_at = fails_at

    def put_once(self, key: str, content: bytes, content_type: str) -> bool:
        self.writes += 1
        if self.writes in self._fails_at:
            raise StoreUnavailable
        return self.objects.setdefault(key, (content, content_type)) == (content, content_type)

    def read(self, key: str) -> bytes | None:
        content, _ = self.objects.get(key, (None, ""))
        return content

    def delete_page(self, prefix: str) -> bool:
        found = [key for key in self.objects if key.startswith(prefix)]
        for key in found:
            del self.objects[key]
        return bool(found)

    def link(self, key: str) -> str:
        return f"https://artifacts.example.com/{key}?signature=secret"


class MemoryRates(RateStore):
    """One arrival time for everybody."""

    def __init__(self, tat_ms: int | None = None, *, error: PromptmillError | None = None) -> None:
        self._tat_ms = tat_ms
        self._error = error
        self.asked: list[tuple[str, str]] = []

    def peek(self, subject: str, policy: RatePolicy) -> int | None:
        self.asked.append((subject, policy.name))
        if self._error:
            raise self._error
        return self._tat_ms


class MemoryRecords(IdempotencyStore):
    """Idempotency records in a dictionary; ``beside`` is the job itself, put into ``jobs``."""

    def __init__(self, jobs: MemoryJobStore) -> None:
        self.records: dict[tuple[str, str], IdempotencyRecord] = {}
        self._jobs = jobs

    def take(
        self, owner: str, key: str, record: IdempotencyRecord, *, beside: dict[str, Any], at_ms: int
    ) -> IdempotencyRecord | None:
        if (known := self.get(owner, key, at_ms=at_ms)) is not None:
            return known
        self.records[owner, key] = record
        self._jobs.add(beside["job"])
        return None

    def get(self, owner: str, key: str, *, at_ms: int) -> IdempotencyRecord | None:
        record = self.records.get((owner, key))
        return record if record and record.expires_at_seconds > at_ms // 1000 else None

    def mark_started(self, owner: str, key: str, job_id: str) -> None:
        record = self.records.get((owner, key))
        if record and record.job_id == job_id:
            self.records[owner, key] = replace(record, started=True)

    def release(self, owner: str, key: str, job_id: str) -> None:
        record = self.records.get((owner, key))
        if record and record.job_id == job_id:
            del self.records[owner, key]


class FakeWorkflow(GenerationWorkflow):
    """Remembers what was started. ``error`` is raised at every start, after ``meanwhile`` ran.

    ``statuses`` are those of the executions there are; ``asking_fails`` and ``stopping_fails`` are raised when set.
    """

    def __init__(
        self, error: PromptmillError | None = None, *, meanwhile: Callable[[str], object] | None = None
    ) -> None:
        self.started: dict[str, dict[str, Any]] = {}
        self.statuses: dict[str, str] = {}
        self.stopped: list[tuple[str, str, str]] = []
        self.asking_fails: PromptmillError | None = None
        self.stopping_fails: PromptmillError | None = None
        self._error = error
        self._meanwhile = meanwhile

    def start(self, job_id: str, state: dict[str, Any]) -> None:
        if self._meanwhile:
            self._meanwhile(job_id)
        if self._error:
            raise self._error
        self.started.setdefault(job_id, json.loads(json.dumps(state)))
        self.statuses.setdefault(job_id, "RUNNING")

    def status(self, job_id: str) -> str | None:
        if self.asking_fails:
            raise self.asking_fails
        return self.statuses.get(job_id)

    def stop(self, job_id: str, *, error: str, cause: str) -> None:
        if self.stopping_fails:
            raise self.stopping_fails
        self.stopped.append((job_id, error, cause))
        if self.statuses.get(job_id) == "RUNNING":
            self.statuses[job_id] = "ABORTED"


class FakeProvider:
    """Gives what it was made with, in order; an error is raised. ``meanwhile`` runs during every call.

    ``pieces`` are passed on before that, to whoever wants the text as it comes. ``within_seconds`` is what each call
    was left.
    """

    def __init__(
        self,
        *outcomes: Answer | BaseException,
        meanwhile: Callable[[], object] | None = None,
        pieces: Sequence[str] = (),
    ) -> None:
        self._outcomes = list(outcomes)
        self._meanwhile = meanwhile
        self._pieces = pieces
        self.asked: list[tuple[str, ProviderRequest]] = []
        self.within_seconds: list[float | None] = []

    def generate(
        self,
        model: Model,
        request: ProviderRequest,
        *,
        on_text: Callable[[str], None] | None = None,
        within_seconds: float | None = None,
    ) -> Answer:
        self.asked.append((model.alias, request))
        self.within_seconds.append(within_seconds)
        outcome = self._outcomes.pop(0)
        if on_text is not None:
            for piece in self._pieces:
                on_text(piece)
        if self._meanwhile:
            self._meanwhile()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome
