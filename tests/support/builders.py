"""What the tests are about, with everything that a test does not care about filled in."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from promptmill.clock import epoch_ms, new_id, timestamp
from promptmill.identity.caller import Caller
from promptmill.jobs.intake import Origin, Trace
from promptmill.jobs.ledger import Call, CallStatus
from promptmill.jobs.model import Job, JobStatus
from promptmill.jobs.requests import EnhanceJob, ImageJob
from promptmill.limits.gcra import RatePolicy
from promptmill.limits.plan import Allowance, Limits
from promptmill.limits.spending.reservation import Claim, Reservation

AT = "2026-11-21T10:00:00.000Z"
AT_MS = epoch_ms(AT)
DAY_MS = 24 * 60 * 60 * 1000
OWNER = "ip_0123456789abcdef0123456789abcdef"
OTHER_OWNER = "ip_fedcba9876543210fedcba9876543210"
BASE_URL = "https://api.example.com/dev"
TRACEPARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
PROMPT = "write a letter to my landlord about the heating"

TEXT_INPUT: dict[str, Any] = {"prompt": PROMPT}
IMAGE_INPUT: dict[str, Any] = {"prompt": "a red fox", "width": 64, "height": 32, "steps": 4, "n": 1, "seed": 7}
TEXT_RESULT: dict[str, Any] = {"text": "Write a firm, polite letter.", "type": "content"}
TEXT_USAGE: dict[str, Any] = {
    "model": "nova-2-lite",
    "input_tokens": 300,
    "output_tokens": 200,
    "truncated": False,
    "fallback": False,
    "prompt_version": "enhance-v1",
}
DAY = AT[:10]
# A dollar: more than any job of the tests can cost.
PLENTY = Reservation(day=DAY, nanousd=10**9, images=0)
COST: dict[str, Any] = {"model_usd": "0.000412", "estimated": False}


def a_job_id(at_ms: int = AT_MS) -> str:
    return new_id("job", at_ms)


def a_job(status: str = "queued", *, kind: str = "enhance", **fields: Any) -> Job:
    """A job as its status makes it: begun, finished, with a result or an error. ``fields`` replace what is there."""
    job_id = a_job_id()
    job = Job(
        id=job_id,
        kind=kind,
        status=JobStatus(status),
        owner=OWNER,
        subject=OWNER,
        reservation=PLENTY,
        created_at=AT,
        deadline_at=timestamp(AT_MS + 300_000),
        expires_at_seconds=(AT_MS + 90 * DAY_MS) // 1000,
        input=IMAGE_INPUT if kind == "image" else TEXT_INPUT,
        due_at=timestamp(AT_MS + 120_000),
        self_url=f"{BASE_URL}/v1/jobs/{job_id}",
        correlation_id="req-1",
        traceparent=TRACEPARENT,
    )
    if job.status in {JobStatus.RUNNING, JobStatus.SUCCEEDED}:
        job = replace(job, started_at=timestamp(AT_MS + 100), step="AssemblePrompt")
    if job.status.is_terminal:
        job = replace(job, finished_at=timestamp(AT_MS + 900), cost={"model_usd": "0", "estimated": False})
    if job.status is JobStatus.SUCCEEDED:
        job = replace(job, step="InvokeBedrock", result=TEXT_RESULT, usage=TEXT_USAGE, cost=COST)
    elif job.status.is_terminal:
        job = replace(job, error={"code": "provider_error", "step": "InvokeBedrock"})
    return replace(job, **fields)


def an_image_entry(**fields: Any) -> dict[str, Any]:
    """One image as a job keeps it."""
    return {
        "id": "img_01K0000000000000000000000A",
        "key": f"artifacts/{OWNER}/job_x/img_x.png",
        "width": 64,
        "height": 32,
        "seed": 7,
        "content_type": "image/png",
        "bytes": 3,
        "sha256": "ab" * 32,
        **fields,
    }


def a_call(number: int = 1, status: str = "started", **fields: Any) -> Call:
    """One row of a ledger: a started one costs a cent at most."""
    call = Call(
        number=number,
        step="InvokeBedrock",
        model="nova-2-lite",
        status=CallStatus(status),
        started_at=AT,
        upper_bound_usd=Decimal("0.01"),
    )
    if call.status is not CallStatus.STARTED:
        call = replace(call, cost_usd=Decimal("0.002"), finished_at=timestamp(AT_MS + 500))
    return replace(call, **fields)


def a_policy(limit: int = 10, period_seconds: int = 60, burst: int = 10, name: str = "anonymous") -> RatePolicy:
    return RatePolicy(name, limit, period_seconds, burst)


def some_limits(
    rate: RatePolicy | None = None, *, concurrent_jobs: int = 100, images_per_day: int = 100, daily_usd: int = 10_000
) -> Limits:
    """Limits of the plan the rate is named after, that no test meets by chance."""
    rate = rate or a_policy()
    return Limits(rate.name, rate, Allowance(concurrent_jobs, images_per_day, daily_usd * 10**9))


def plans_of(rate: RatePolicy) -> dict[str, Limits]:
    """Every plan has this rate."""
    return dict.fromkeys(("anonymous", "user", "key"), some_limits(rate))


def a_claim(job: Job, limits: Limits | None = None) -> Claim:
    return Claim(job.subject, job.id, job.reservation, (limits or some_limits()).allowance)


def a_caller(owner: str = OWNER) -> Caller:
    return Caller(owner=owner, plan="anonymous")


def a_trace() -> Trace:
    return Trace(correlation_id="req-1", traceparent=TRACEPARENT)


def an_origin(idempotency_key: str | None = None) -> Origin:
    return Origin(base_url=BASE_URL, trace=a_trace(), idempotency_key=idempotency_key)


def an_enhance_request(**fields: Any) -> EnhanceJob:
    return EnhanceJob.model_validate({"kind": "enhance", "prompt": PROMPT, **fields})


def an_image_request(**fields: Any) -> ImageJob:
    return ImageJob.model_validate({"kind": "image", "prompt": "a red fox", **fields})


class FakeClock:
    """Milliseconds that pass only when told; also a ``sleep`` that takes exactly as long as it says."""

    def __init__(self, at_ms: int = AT_MS) -> None:
        self.at_ms = at_ms
        self.slept_ms: list[int] = []

    def __call__(self) -> int:
        return self.at_ms

    def sleep(self, seconds: float) -> None:
        self.slept_ms.append(round(seconds * 1000))
        self.at_ms += round(seconds * 1000)

    def advance(self, milliseconds: int) -> None:
        self.at_ms += milliseconds
