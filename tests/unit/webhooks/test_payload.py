"""What a webhook is sent, and what in the queue of events is one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptmill.clock import timestamp
from promptmill.errors import BrokenContractError
from promptmill.events.webhooks.model import DeliveryStatus
from promptmill.events.webhooks.payload import MAX_EVENT_BYTES, delivery_of, delivery_of_test, event_of
from tests.support.builders import AT, AT_MS
from tests.support.deliveries import USER, an_event, on_the_bus


def without(path: str) -> str:
    """An event of the bus that lacks what is at this path."""
    *parents, last = path.split(".")
    envelope: dict[str, Any] = json.loads(on_the_bus(an_event()))
    parent = envelope
    for name in parents:
        parent = parent[name]
    del parent[last]
    return json.dumps(envelope)


def test_a_body_is_the_event_in_compact_json() -> None:
    event = an_event("job.failed", note="é\U0001f98a")
    delivery = delivery_of(event, "whk_1", at_ms=AT_MS)
    assert json.loads(delivery.body) == {
        "type": "job.failed",
        "timestamp": event.metadata["occurred_at"],
        "metadata": event.metadata,
        "data": event.data,
    }
    assert delivery.body.startswith('{"type":"job.failed","timestamp":"2026-11-21T')
    assert "é\U0001f98a" in delivery.body


def test_a_delivery_is_named_after_its_event_and_due_at_once() -> None:
    event = an_event()
    delivery = delivery_of(event, "whk_1", at_ms=AT_MS)
    assert (delivery.webhook_id, delivery.id, delivery.event) == ("whk_1", event.metadata["id"], "job.succeeded")
    assert (delivery.status, delivery.created_at, delivery.next_attempt_at) == (DeliveryStatus.PENDING, AT, AT)
    assert (delivery.is_test, delivery.begun, delivery.attempts) == (False, 0, ())
    assert delivery.correlation_id == "req-1"


def test_a_test_says_so_and_is_about_its_webhook() -> None:
    delivery = delivery_of_test("whk_1", "evt_1", at_ms=AT_MS, correlation_id="req-2")
    assert (delivery.id, delivery.event, delivery.is_test) == ("evt_1", "webhook.test", True)
    assert json.loads(delivery.body) == {
        "type": "webhook.test",
        "timestamp": timestamp(AT_MS),
        "metadata": {"id": "evt_1", "version": "1", "occurred_at": timestamp(AT_MS), "correlation_id": "req-2"},
        "data": {"webhook_id": "whk_1"},
    }


def test_an_event_comes_from_the_bus_as_it_was_published() -> None:
    event = an_event("user.deleted")
    assert event_of(on_the_bus(event)) == event
    assert (event.id, event.owner) == (event.metadata["id"], USER)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "not json",
        "[]",
        "null",
        "{}",
        '"text"',
        *map(
            without,
            [
                "detail-type",
                "detail",
                "detail.metadata",
                "detail.data",
                *(f"detail.metadata.{name}" for name in ("id", "owner", "occurred_at")),
            ],
        ),
        on_the_bus(an_event()).replace(f'"{USER}"', "7"),
        on_the_bus(an_event()).replace('"job.succeeded"', "null"),
        on_the_bus(an_event()).replace('"data": {"status": "succeeded"}', '"data": []'),
    ],
)
def test_what_is_no_event_is_refused(message: str) -> None:
    with pytest.raises(BrokenContractError):
        event_of(message)


def test_an_event_that_its_deliveries_could_not_be_stored_with_is_refused() -> None:
    room_bytes = MAX_EVENT_BYTES - len(on_the_bus(an_event(note="")))
    largest = on_the_bus(an_event(note="x" * room_bytes))
    assert event_of(largest).data["note"] == "x" * room_bytes
    with pytest.raises(BrokenContractError):
        event_of(largest.replace("x", "é", 1))
