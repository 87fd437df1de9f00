"""How a job comes in: admitted, stored, started. Three AWS calls: peek at the rate, store, start; a key adds one."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from promptmill.clock import epoch_ms, new_id, timestamp
from promptmill.errors import (
    BrokenContractError,
    IdempotencyMismatch,
    RateLimited,
    RequestInFlight,
    StoreUnavailable,
    WorkflowUnavailable,
)
from promptmill.events.envelope import accepted_event, outcome_event_id
from promptmill.idempotency.record import Repeat, digest_request, judge, new_record
from promptmill.jobs.model import Job, JobStatus, ReplayMode
from promptmill.limits.gcra import standing
from promptmill.limits.plan import limits_of
from promptmill.limits.spending.reservation import Reservation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptmill.idempotency.record import IdempotencyRecord
    from promptmill.idempotency.store import IdempotencyStore
    from promptmill.identity.caller import Caller
    from promptmill.jobs.gateway import GenerationWorkflow
    from promptmill.jobs.requests import EnhanceJob, ImageJob
    from promptmill.jobs.store import JobStore
    from promptmill.limits.gcra import RatePolicy, Standing
    from promptmill.limits.plan import Limits
    from promptmill.limits.store import RateStore

SECONDS_PER_DAY = 24 * 60 * 60
# Nobody is starting an execution any more: the function that accepted the job has ended, a repeat of it had its turn.
START_GRACE_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Trace:
    """What ties a request to its execution and events. ``traceparent`` is W3C Trace Context."""

    correlation_id: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from: the address its caller knows the API by, its trace, its key if it has one."""

    base_url: str
    trace: Trace
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """The job that a new one replays, where its answer comes from, and the owner of the one and so of the other."""

    of: str
    mode: ReplayMode
    owner: str


@dataclass(frozen=True, slots=True)
class Submission:
    """The job of a request, and its caller's standing before it. ``replayed``: an earlier request made the job."""

    job: Job
    standing: Standing
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Intake:
    """The outside parts a job comes in through, and the rules it comes in under.

    ``plans`` has the limits by plan, ``configured`` the models' aliases by kind, best first.
    """

    jobs: JobStore
    rates: RateStore
    workflow: GenerationWorkflow
    records: IdempotencyStore
    plans: Mapping[str, Limits] = field(hash=False)
    configured: Mapping[str, Sequence[str]] = field(hash=False)
    retention_days: int

    def policy_of(self, caller: Caller) -> RatePolicy:
        """The rate that holds for a caller."""
        return limits_of(caller, self.plans).rate

    def submit(
        self,
        request: EnhanceJob | ImageJob,
        caller: Caller,
        origin: Origin,
        *,
        at_ms: int,
        replay: Replay | None = None,
    ) -> Submission:
        """Stores the job and starts its execution, once per idempotency key.

        Raises ``RateLimited`` when the caller is plainly over the limit, nothing being stored then; the execution's own
        check is the one that decides. Raises ``InvalidInput`` when the model that is asked for cannot be used, and
        ``BrokenContractError`` when none that is configured can. Raises ``WorkflowUnavailable`` when the execution
        cannot be started, the job being settled as failed then; ``StoreUnavailable`` when nothing could be stored. An
        execution that is at work although Step Functions did not say so counts as started: its job will be charged. A
        key that was used raises ``IdempotencyMismatch`` with another request, ``RequestInFlight`` while the same one is
        being accepted.
        """
        limits = limits_of(caller, self.plans)
        now = standing(self.rates.peek(caller.subject, limits.rate), at_ms, limits.rate)
        key = origin.idempotency_key
        digest = _digest(request, replay) if key else ""
        if now.is_over:
            record = self.records.get(caller.owner, key, at_ms=at_ms) if key else None
            if record is None:
                raise over_limit(now, limits.rate)
            return self._repeat(record, key, digest, now, caller, at_ms)
        job = self.prepare(request, caller, origin, at_ms=at_ms, replay=replay)
        if key is None:
            self.jobs.add(job)
        else:
            mine = new_record(job.id, digest, at_ms)
            taken = self.records.take(caller.owner, key, mine, beside=self.jobs.add_action(job), at_ms=at_ms)
            if taken is not None:
                return self._repeat(taken, key, digest, now, caller, at_ms)
        self._start(job, key, caller, at_ms)
        return Submission(job, now)

    def prepare(
        self,
        request: EnhanceJob | ImageJob,
        caller: Caller,
        origin: Origin,
        *,
        at_ms: int,
        replay: Replay | None = None,
    ) -> Job:
        """The job that ``submit`` stores, with what it reserves; raises as that does of its model."""
        job = new_job(request, caller, origin, at_ms=at_ms, retention_days=self.retention_days, replay=replay)
        if job.replay_mode is ReplayMode.RECORDED:
            return job
        return replace(job, reservation=self._reservation(job))

    def _reservation(self, job: Job) -> Reservation:
        from promptmill.jobs.reserving import reservation_for
        from promptmill.providers.catalog import candidates

        on = date.fromisoformat(job.created_at[:10])
        return reservation_for(job, candidates(job.kind, job.input.get("model"), self.configured[job.kind], on))

    def _repeat(
        self, record: IdempotencyRecord, key: str | None, digest: str, now: Standing, caller: Caller, at_ms: int
    ) -> Submission:
        """The job of a key that was used before, started if whoever made it was cut off before that."""
        repeat = judge(record, digest, at_ms)
        if repeat is Repeat.MISMATCH:
            raise IdempotencyMismatch
        if repeat is Repeat.IN_FLIGHT:
            raise RequestInFlight
        job = self.jobs.get(record.job_id, caller.sees)
        if repeat is Repeat.ABANDONED and not job.status.is_terminal:
            if job.subject != caller.subject:
                # Another of the owner's keys, or the owner: whose limits hold is who posted it to say.
                raise RequestInFlight
            self._start(job, key, caller, at_ms)
        return Submission(job, now, replayed=True)

    def _start(self, job: Job, key: str | None, caller: Caller, at_ms: int) -> None:
        try:
            self.workflow.start(job.id, initial_state(job, limits_of(caller, self.plans)))
        except (WorkflowUnavailable, BrokenContractError) as error:
            error_record = {"code": WorkflowUnavailable.code, "step": "StartExecution"}
            if self.jobs.settle_unstarted(job.id, at=timestamp(at_ms), error=error_record):
                if key:
                    self.records.release(caller.owner, key, job.id)
                detail = "The job could not be started. Nothing was charged; please try again."
                raise WorkflowUnavailable(detail) from error
        if key:
            # Not said, a repeat is told to wait for the lease and then finds the execution there.
            with contextlib.suppress(StoreUnavailable):
                self.records.mark_started(caller.owner, key, job.id)


def over_limit(now: Standing, policy: RatePolicy) -> RateLimited:
    seconds = max(1, -(-now.reset_ms // 1000))
    return RateLimited(
        f"At most {policy.limit} jobs per {policy.period_seconds} seconds. Try again in {seconds} seconds.",
        retry_after_seconds=seconds,
    )


def new_job(
    request: EnhanceJob | ImageJob,
    caller: Caller,
    origin: Origin,
    *,
    at_ms: int,
    retention_days: int,
    replay: Replay | None = None,
) -> Job:
    """The queued job of a request, with nothing reserved. Its input is the request as validated, with its defaults.

    A replay has the owner of what it replays, whoever asks: the content stays with whom it belongs to. Who asks pays.
    """
    content = request.model_dump(mode="json", exclude={"kind", "metadata", "deadline_seconds"}, exclude_none=True)
    job_id = new_id("job", at_ms)
    return Job(
        id=job_id,
        kind=request.kind,
        status=JobStatus.QUEUED,
        owner=replay.owner if replay else caller.owner,
        subject=caller.subject,
        reservation=Reservation(day=timestamp(at_ms)[:10], nanousd=0, images=0),
        created_at=timestamp(at_ms),
        deadline_at=timestamp(at_ms + request.deadline_seconds * 1000),
        expires_at_seconds=at_ms // 1000 + retention_days * SECONDS_PER_DAY,
        input=content,
        metadata=dict(request.metadata),
        due_at=timestamp(at_ms + START_GRACE_SECONDS * 1000),
        self_url=f"{origin.base_url}/v1/jobs/{job_id}",
        correlation_id=origin.trace.correlation_id,
        traceparent=origin.trace.traceparent,
        replay_of=replay.of if replay else None,
        replay_mode=replay.mode if replay else None,
    )


def initial_state(job: Job, limits: Limits) -> dict[str, Any]:
    """The execution's input: ids, the limits' numbers, the deadline, and the event that announces the job."""
    return {
        "job_id": job.id,
        "owner": job.owner,
        "correlation_id": job.correlation_id,
        "limits": {
            "subject": job.subject,
            "policy": limits.rate.name,
            "interval_ms": limits.rate.interval_ms,
            "tolerance_ms": limits.rate.tolerance_ms,
            **asdict(limits.allowance),
        },
        "reservation": asdict(job.reservation),
        "deadline_ms": epoch_ms(job.deadline_at),
        "outcome_event_id": outcome_event_id(job.id),
        "event": accepted_event(job),
    }


def _digest(request: EnhanceJob | ImageJob, replay: Replay | None) -> str:
    # Without what was not asked for: a field that is added to requests changes the digest of none that lack it.
    content = request.model_dump(mode="json", exclude_none=True)
    return digest_request(content if replay is None else {"replay_of": replay.of, "mode": replay.mode, **content})
