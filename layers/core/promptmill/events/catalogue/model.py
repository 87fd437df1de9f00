"""What the events have in common: their metadata, and the forms of their fields.

A model is closed: a field it does not have is in no event of ours. What is published of it is open
(docs/decisions/0023).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from promptmill.clock import id_pattern

EventId = Annotated[
    str,
    Field(pattern=id_pattern("evt"), description="The deduplication key: the same for every delivery of this event."),
]
Instant = Annotated[
    str,
    Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$", description="RFC 3339, UTC."),
]
Caller = Annotated[str, Field(pattern=r"^(usr|ip)_[A-Za-z0-9]+$")]
CorrelationId = Annotated[str, Field(min_length=1, description="The id of the request that began it.")]
User = Annotated[str, Field(pattern=r"^usr_[0-9a-f]{32}$")]


def open_ended(schema: dict[str, Any]) -> None:
    """Publishes the values a field has today as examples: there may come to be more of them."""
    schema["examples"] = schema.pop("enum")


class Model(BaseModel):
    """An object of an event."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Metadata(Model):
    id: EventId
    version: Literal["1"]
    occurred_at: Instant
    correlation_id: CorrelationId
    owner: Annotated[Caller, Field(description="Who did it: a user, or an address, hashed.")]
    traceparent: Annotated[
        str, Field(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$", description="W3C Trace Context.")
    ]


class Event(Model):
    """An event. Its docstring is its description; ``example`` is one such event, whole."""

    name: ClassVar[str]
    example: ClassVar[dict[str, Any]]


EXAMPLE_AT = "2026-11-21T10:00:00.000Z"
EXAMPLE_CORRELATION_ID = "4f6c1f0e-6d0f-4c1b-9a52-0d3c5b7f9e21"
EXAMPLE_REQUEST = {
    "version": "1",
    "occurred_at": EXAMPLE_AT,
    "correlation_id": EXAMPLE_CORRELATION_ID,
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}


def example_of_a_user(event_id: str, data: dict[str, Any]) -> dict[str, Any]:
    """An event that tells what a user did."""
    owner = "usr_5f2b8c1d9e7a4f60b3c8d1e2f3a4b5c6"
    return {"metadata": {**EXAMPLE_REQUEST, "id": event_id, "owner": owner}, "data": data}
