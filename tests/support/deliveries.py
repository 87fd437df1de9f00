"""Events, and their deliveries to webhooks, with everything that a test does not care about filled in."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from promptmill.clock import new_id, timestamp
from promptmill.events.webhooks.answer import Answer, SendError
from promptmill.events.webhooks.model import Delivery
from promptmill.events.webhooks.payload import Event, delivery_of
from tests.support.builders import AT_MS, TRACEPARENT

RECEIVED = Answer(duration_ms=9, status_code=204)
BROKEN = Answer(duration_ms=9, status_code=503, error=SendError.ANSWERED_5XX)
GONE = Answer(duration_ms=9, status_code=410, error=SendError.ANSWERED_4XX)
SILENT = Answer(duration_ms=15_000, error=SendError.TIMED_OUT)
USER = "usr_0123456789abcdef0123456789abcdef"


def a_webhook_id() -> str:
    return new_id("whk", AT_MS)


def an_event(name: str = "job.succeeded", *, owner: str = USER, **data: Any) -> Event:
    metadata = {
        "id": new_id("evt", AT_MS),
        "version": "1",
        "occurred_at": timestamp(AT_MS - 1000),
        "owner": owner,
        "job_id": new_id("job", AT_MS),
        "sequence": 3,
        "correlation_id": "req-1",
        "traceparent": TRACEPARENT,
    }
    return Event(name, metadata, {"status": "succeeded", **data})


def on_the_bus(event: Event) -> str:
    """The event as EventBridge puts it into a queue."""
    return json.dumps(
        {
            "version": "0",
            "id": "0d079340-135a-c8c6-95c2-41fb8f496c53",
            "detail-type": event.name,
            "source": "promptmill.jobs",
            "account": "123456789012",
            "time": "2026-11-21T10:00:00Z",
            "region": "eu-west-1",
            "resources": [],
            "detail": {"metadata": event.metadata, "data": event.data},
        }
    )


def a_delivery(webhook_id: str = "", *, at_ms: int = AT_MS, **fields: Any) -> Delivery:
    """A delivery that is new; ``fields`` replace what is there."""
    return replace(delivery_of(an_event(), webhook_id or a_webhook_id(), at_ms=at_ms), **fields)
