"""The events of jobs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from promptmill.clock import id_pattern
from promptmill.events.catalogue.model import EXAMPLE_REQUEST, Caller, Event, Metadata, Model, open_ended
from promptmill.events.names import EventName

JobId = Annotated[str, Field(pattern=id_pattern("job"))]
Kind = Annotated[
    Literal["enhance", "image"],
    Field(description="What was asked for. There will be more kinds.", json_schema_extra=open_ended),
]
Labels = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=64)],
        Annotated[str, Field(max_length=512)],
    ],
    Field(max_length=16, description="As submitted with the job."),
]
Count = Annotated[int, Field(ge=0)]


class JobMetadata(Metadata):
    owner: Annotated[Caller, Field(description="Whose job it is: a user's, or an address's, hashed.")]
    job_id: JobId


class AcceptedMetadata(JobMetadata):
    sequence: Annotated[Literal[1], Field(description="Orders the events of one job; delivery does not.")]


class OutcomeMetadata(JobMetadata):
    sequence: Annotated[Literal[3], Field(description="Orders the events of one job; delivery does not.")]


class JobLinks(Model):
    self: Annotated[
        str,
        Field(
            pattern=f"/v1/jobs/{id_pattern('job').removeprefix('^')}",
            json_schema_extra={"format": "uri"},
            description="Where the job is read, with its result.",
        ),
    ]


class Cost(Model):
    model_usd: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?$", description="US dollars.")]
    estimated: Annotated[bool, Field(description="Whether part of it is an upper bound.")]


class TextUsage(Model):
    model: str
    input_tokens: Count
    output_tokens: Count
    truncated: bool
    fallback: Annotated[bool, Field(description="Whether another model than the first choice answered.")]
    prompt_version: str


class ImageUsage(Model):
    model: str
    images: Annotated[int, Field(ge=1)]
    truncated: Literal[False]
    fallback: Annotated[bool, Field(description="Whether another model than the first choice answered.")]


class JobError(Model):
    step: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]+$", description="The workflow state that gave up.")]


class RejectionError(JobError):
    code: Annotated[
        Literal["rate_limited", "budget_exhausted", "content_blocked"],
        Field(description="There may be more.", json_schema_extra=open_ended),
    ]


class FailureError(JobError):
    code: Annotated[
        str, Field(pattern=r"^[a-z]+(_[a-z]+)*$", description="A code of the error tree, or internal_error.")
    ]


class ExpiryError(JobError):
    code: Literal["deadline_passed"]


class JobFacts(Model):
    kind: Kind
    links: JobLinks
    metadata: Labels


class OutcomeFacts(JobFacts):
    duration_ms: Annotated[int, Field(ge=0, description="Milliseconds from acceptance to the end.")]
    cost: Annotated[Cost, Field(description="What was known at the end.")]


class AcceptedFacts(JobFacts):
    status: Literal["queued"]


class SuccessFacts(OutcomeFacts):
    status: Literal["succeeded"]
    usage: TextUsage | ImageUsage


class RejectionFacts(OutcomeFacts):
    status: Literal["rejected"]
    error: RejectionError


class FailureFacts(OutcomeFacts):
    status: Literal["failed"]
    error: FailureError


class CancellationFacts(OutcomeFacts):
    status: Literal["canceled"]


class ExpiryFacts(OutcomeFacts):
    status: Literal["expired"]
    error: ExpiryError


_JOB_ID = "job_01KAHNM8T0Q4V9X2C7R5W3ZPJD"
_COMMON = {
    "kind": "enhance",
    "links": {"self": f"https://api.example.com/v1/jobs/{_JOB_ID}"},
    "metadata": {"ticket": "42"},
}
_NOTHING = {"model_usd": "0", "estimated": False}


def _example(event_id: str, sequence: int, occurred_at: str, **data: Any) -> dict[str, Any]:
    own = {"id": event_id, "owner": "ip_5f2b8c1d9e7a4f60b3c8d1e2f3a4b5c6", "job_id": _JOB_ID, "sequence": sequence}
    return {"metadata": {**EXAMPLE_REQUEST, **own, "occurred_at": occurred_at}, "data": {**_COMMON, **data}}


def _outcome(occurred_at: str, **data: Any) -> dict[str, Any]:
    return _example("evt_01KAHNM8T0M2E5R7A9D4C6VXZQ", 3, occurred_at, **data)


class JobAccepted(Event):
    """A job was accepted and its execution has begun."""

    metadata: AcceptedMetadata
    data: AcceptedFacts

    name = EventName.JOB_ACCEPTED
    example = _example("evt_01KAHNM8T0JY6S3B8F1GTN0HKE", 1, "2026-11-21T10:00:00.000Z", status="queued")


class JobSucceeded(Event):
    """A job has its result. The result itself is read over HTTP."""

    metadata: OutcomeMetadata
    data: SuccessFacts

    name = EventName.JOB_SUCCEEDED
    example = _outcome(
        "2026-11-21T10:00:00.812Z",
        duration_ms=812,
        status="succeeded",
        usage={
            "model": "claude-haiku-4.5",
            "input_tokens": 691,
            "output_tokens": 94,
            "truncated": False,
            "fallback": False,
            "prompt_version": "enhance-v1",
        },
        cost={"model_usd": "0.0012771", "estimated": False},
    )


class JobRejected(Event):
    """A job was refused: a business outcome, not a fault."""

    metadata: OutcomeMetadata
    data: RejectionFacts

    name = EventName.JOB_REJECTED
    example = _outcome(
        "2026-11-21T10:00:00.812Z",
        duration_ms=812,
        status="rejected",
        cost=_NOTHING,
        error={"code": "rate_limited", "step": "CheckRate"},
    )


class JobFailed(Event):
    """A job gave up; its code says why."""

    metadata: OutcomeMetadata
    data: FailureFacts

    name = EventName.JOB_FAILED
    example = _outcome(
        "2026-11-21T10:00:00.812Z",
        duration_ms=812,
        kind="image",
        status="failed",
        cost={"model_usd": "0.000353894", "estimated": True},
        error={"code": "provider_answer_broken", "step": "InvokeFlux"},
    )


class JobCanceled(Event):
    """A job was canceled before it was done; what was paid until then is its cost."""

    metadata: OutcomeMetadata
    data: CancellationFacts

    name = EventName.JOB_CANCELED
    example = _outcome(
        "2026-11-21T10:00:02.417Z",
        duration_ms=2417,
        status="canceled",
        cost={"model_usd": "0.005634", "estimated": True},
    )


class JobExpired(Event):
    """A job was not done by its deadline."""

    metadata: OutcomeMetadata
    data: ExpiryFacts

    name = EventName.JOB_EXPIRED
    example = _outcome(
        "2026-11-21T10:05:00.412Z",
        duration_ms=300_412,
        status="expired",
        cost=_NOTHING,
        error={"code": "deadline_passed", "step": "InvokeBedrock"},
    )
