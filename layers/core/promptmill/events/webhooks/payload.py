"""What a webhook is sent: one event as compact JSON, made once and sent to the byte each time. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from promptmill.clock import timestamp
from promptmill.errors import BrokenContractError
from promptmill.events.envelope import VERSION
from promptmill.events.webhooks.model import Delivery, DeliveryStatus

TEST_EVENT = "webhook.test"

MAX_EVENT_BYTES = 256 * 1024
"""What leaves a delivery, an item of 400 KB at most, room for its attempts. Our events have a few thousand."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the bus. ``metadata`` has an ``id``, an ``owner`` and ``occurred_at``."""

    name: str
    metadata: dict[str, Any]
    data: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.metadata["id"])

    @property
    def owner(self) -> str:
        return str(self.metadata["owner"])


def event_of(message: str) -> Event:
    """The event in what EventBridge put into a queue.

    Raises ``BrokenContractError`` when it is not one of ours, as one longer than ``MAX_EVENT_BYTES`` is none.
    """
    if len(message.encode()) > MAX_EVENT_BYTES:
        raise BrokenContractError("the event is too long")
    try:
        envelope = json.loads(message)
        name, metadata, data = envelope["detail-type"], envelope["detail"]["metadata"], envelope["detail"]["data"]
        texts = (name, metadata["id"], metadata["owner"], metadata["occurred_at"])
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenContractError("the message is no event") from error
    if not all(isinstance(text, str) for text in texts) or not isinstance(data, dict):
        raise BrokenContractError("the message is no event")
    return Event(name, metadata, data)


def delivery_of(event: Event, webhook_id: str, *, at_ms: int) -> Delivery:
    """The event on its way to the webhook, due at once."""
    return _delivery(event, webhook_id, at_ms=at_ms, is_test=False)


def delivery_of_test(webhook_id: str, event_id: str, *, at_ms: int, correlation_id: str) -> Delivery:
    """What shows whoever made a webhook that it receives; due at once. ``event_id`` is the test's own."""
    at = timestamp(at_ms)
    metadata = {"id": event_id, "version": VERSION, "occurred_at": at, "correlation_id": correlation_id}
    return _delivery(Event(TEST_EVENT, metadata, {"webhook_id": webhook_id}), webhook_id, at_ms=at_ms, is_test=True)


def _delivery(event: Event, webhook_id: str, *, at_ms: int, is_test: bool) -> Delivery:
    body = {
        "type": event.name,
        "timestamp": event.metadata["occurred_at"],
        "metadata": event.metadata,
        "data": event.data,
    }
    at = timestamp(at_ms)
    return Delivery(
        webhook_id=webhook_id,
        id=event.id,
        event=event.name,
        body=json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        correlation_id=str(event.metadata.get("correlation_id", "")),
        status=DeliveryStatus.PENDING,
        created_at=at,
        next_attempt_at=at,
        is_test=is_test,
    )
