"""Jobs as the API makes them, for tests that start the workflow themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from promptmill.clock import now_ms, random_hex
from promptmill.identity.caller import Caller
from promptmill.jobs.intake import Origin, Trace, initial_state, new_job
from promptmill.jobs.model import Job
from promptmill.jobs.requests import EnhanceJob, ImageJob
from promptmill.limits.gcra import RatePolicy
from promptmill.limits.plan import Allowance, Limits

POLICY = RatePolicy("anonymous", limit=10, period_seconds=60, burst=10)
LIMITS = Limits(POLICY.name, POLICY, Allowance(concurrent_jobs=4, images_per_day=10, daily_nanousd=10**10))
# A dollar: enough for every retry there is.
PLENTY_NANOUSD = 10**9


def a_job(kind: str = "enhance", **fields: Any) -> Job:
    """A queued job of an owner who has no other, made from the fields of its request."""
    caller = Caller(owner=f"ip_{random_hex(16)}", plan=POLICY.name)
    defaults: dict[str, Any] = {"prompt": "Explain how tides work to a class of ten-year-olds."}
    if kind == "image":
        defaults |= {"width": 256, "height": 256}
    trace = Trace(correlation_id=random_hex(8), traceparent=f"00-{random_hex(16)}-{random_hex(8)}-01")
    origin = Origin(base_url="https://api.example.com", trace=trace)
    request = (ImageJob if kind == "image" else EnhanceJob).model_validate({"kind": kind, **defaults, **fields})
    job = new_job(request, caller, origin, at_ms=now_ms(), retention_days=1)
    reservation = replace(job.reservation, nanousd=PLENTY_NANOUSD, images=job.input.get("n", 0))
    return replace(job, reservation=reservation)


def state_of(job: Job) -> dict[str, Any]:
    """The input of the job's execution."""
    return initial_state(job, LIMITS)


def attempt(job: Job, model: str) -> dict[str, Any]:
    """What the workflow gives a provider step."""
    return {"job_id": job.id, "correlation_id": job.correlation_id, "model": model}
