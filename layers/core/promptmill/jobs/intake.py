"""How a job comes in: admitted, stored, started. At most three AWS calls: peek at the rate, store, start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptmill.clock import epoch_ms, new_id, timestamp
from promptmill.errors import BrokenContractError, RateLimited, WorkflowUnavailable
from promptmill.events.envelope import accepted_event, outcome_event_id
from promptmill.jobs.model import Job, JobStatus
from promptmill.limits.gcra import standing

if TYPE_CHECKING:
    from promptmill.identity.caller import Caller
    from promptmill.jobs.gateway import GenerationWorkflow
    from promptmill.jobs.requests import EnhanceJob, ImageJob
    from promptmill.jobs.store import JobStore
    from promptmill.limits.gcra import RatePolicy, Standing
    from promptmill.limits.store import RateStore

SECONDS_PER_DAY = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Trace:
    """What ties a request to its execution and events. ``traceparent`` is W3C Trace Context."""

    correlation_id: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class Intake:
    """The three outside parts a job comes in through, and the rules it comes in under."""

    jobs: JobStore
    rates: RateStore
    workflow: GenerationWorkflow
    policy: RatePolicy
    retention_days: int

    def submit(
        self, request: EnhanceJob | ImageJob, caller: Caller, *, base_url: str, trace: Trace, at_ms: int
    ) -> tuple[Job, Standing]:
        """Stores the job and starts its execution; returns it with the caller's standing before it.

        Raises ``RateLimited`` when the caller is plainly over the limit, nothing being stored then; the execution's own
        check is the one that decides. Raises ``WorkflowUnavailable`` when the execution cannot be started, the job
        being settled as failed then; ``StoreUnavailable`` when nothing could be stored. An execution that is at work
        although Step Functions did not say so counts as started: its job will be charged.
        """
        now = standing(self.rates.peek(caller.owner, self.policy), at_ms, self.policy)
        if now.is_over:
            raise over_limit(now, self.policy)
        job = new_job(request, caller, at_ms=at_ms, retention_days=self.retention_days)
        self.jobs.add(job)
        state = initial_state(job, self.policy, self_url=f"{base_url}/v1/jobs/{job.id}", trace=trace)
        try:
            self.workflow.start(job.id, state)
        except (WorkflowUnavailable, BrokenContractError) as error:
            error_record = {"code": WorkflowUnavailable.code, "step": "StartExecution"}
            if self.jobs.settle_unstarted(job.id, at=timestamp(at_ms), error=error_record):
                detail = "The job could not be started. Nothing was charged; please try again."
                raise WorkflowUnavailable(detail) from error
        return job, now


def over_limit(now: Standing, policy: RatePolicy) -> RateLimited:
    seconds = max(1, -(-now.reset_ms // 1000))
    return RateLimited(
        f"At most {policy.limit} jobs per {policy.period_seconds} seconds. Try again in {seconds} seconds.",
        retry_after_seconds=seconds,
    )


def new_job(request: EnhanceJob | ImageJob, caller: Caller, *, at_ms: int, retention_days: int) -> Job:
    """The queued job of a request. Its input is the request as validated, with its defaults."""
    content = request.model_dump(mode="json", exclude={"kind", "metadata", "deadline_seconds"}, exclude_none=True)
    return Job(
        id=new_id("job", at_ms),
        kind=request.kind,
        status=JobStatus.QUEUED,
        owner=caller.owner,
        created_at=timestamp(at_ms),
        deadline_at=timestamp(at_ms + request.deadline_seconds * 1000),
        expires_at_seconds=at_ms // 1000 + retention_days * SECONDS_PER_DAY,
        input=content,
        metadata=dict(request.metadata),
    )


def initial_state(job: Job, policy: RatePolicy, *, self_url: str, trace: Trace) -> dict[str, Any]:
    """The execution's input: ids, the limiter's numbers, the deadline, and the event that announces the job."""
    return {
        "job_id": job.id,
        "owner": job.owner,
        "rate": {"policy": policy.name, "interval_ms": policy.interval_ms, "tolerance_ms": policy.tolerance_ms},
        "deadline_ms": epoch_ms(job.deadline_at),
        "outcome_event_id": outcome_event_id(job.id),
        "event": accepted_event(
            job, self_url=self_url, correlation_id=trace.correlation_id, traceparent=trace.traceparent
        ),
    }
