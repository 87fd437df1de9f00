"""Deliveries as DynamoDB items: ``WEBHOOK#<id>``, ``DELIVERY#<event id>``, deleted at ``expires_at``, epoch seconds.

``gsi1`` lists a webhook's, newest first. ``gsi2`` has what is pending, under ``DUE``, by when somebody has to look
whether an attempt is under way: later than ``next_attempt_at`` where a message already asks for one.
"""

from __future__ import annotations

from typing import Any

from promptmill.clock import epoch_ms, timestamp
from promptmill.events.webhooks.model import Attempt, Delivery, DeliveryStatus
from promptmill.events.webhooks.schedule import look_at_ms

Item = dict[str, dict[str, Any]]

KEEP_SECONDS = 30 * 86_400
DUE = "DUE"
_DELIVERY = "DELIVERY#"
_WEBHOOK = "WEBHOOK#"


def key_of(webhook_id: str, delivery_id: str) -> Item:
    return {"pk": {"S": f"{_WEBHOOK}{webhook_id}"}, "sk": {"S": f"{_DELIVERY}{delivery_id}"}}


def ids_of(item: Item) -> tuple[str, str]:
    """The ids of the webhook and of the delivery in an item's key."""
    return item["pk"]["S"].removeprefix(_WEBHOOK), item["sk"]["S"].removeprefix(_DELIVERY)


def list_pk(webhook_id: str) -> dict[str, str]:
    return {"S": f"DELIVERIES#{webhook_id}"}


def id_at(position: str) -> str:
    """The id of the delivery at this position of a list: behind the time it was made, and ``#``."""
    return position.rpartition("#")[2]


def listed(webhook_id: str, position: str) -> Item:
    """Where the webhook's list has the delivery at this position."""
    return {
        **key_of(webhook_id, id_at(position)),
        "gsi1pk": list_pk(webhook_id),
        "gsi1sk": {"S": position},
    }


def position_of(delivery: Delivery) -> str:
    return f"{delivery.created_at}#{delivery.id}"


def deletion(at: str) -> dict[str, str]:
    """When DynamoDB may delete a delivery that was made, or made again, at this time."""
    return {"N": str(epoch_ms(at) // 1000 + KEEP_SECONDS)}


def due_values(at_ms: int) -> Item:
    """``:pending``, and ``:at``, the time by which an attempt is due or a claim has run out."""
    return {":pending": {"S": DeliveryStatus.PENDING.value}, ":at": {"S": timestamp(at_ms)}}


def next_values(next_ms: int, *, at_ms: int) -> Item:
    """``:next`` and ``:look`` of an attempt that is due then: ``next_attempt_at``, and what ``gsi2`` has it by."""
    return {":next": {"S": timestamp(next_ms)}, ":look": {"S": timestamp(look_at_ms(next_ms, at_ms=at_ms))}}


def is_kept(item: Item, *, at_ms: int) -> bool:
    """Whether a delivery is there for whoever asks: DynamoDB may delete what expired days later."""
    return int(item["expires_at"]["N"]) > at_ms // 1000


def attempt_value(attempt: Attempt) -> dict[str, Any]:
    value: Item = {"at": {"S": attempt.at}, "duration_ms": {"N": str(attempt.duration_ms)}}
    if attempt.status_code is not None:
        value["status_code"] = {"N": str(attempt.status_code)}
    if attempt.error is not None:
        value["error"] = {"S": attempt.error}
    return {"M": value}


def delivery_item(delivery: Delivery, *, look_at: str) -> Item:
    """A new delivery. ``look_at`` is when somebody has to look whether it was tried."""
    return {
        **listed(delivery.webhook_id, position_of(delivery)),
        "gsi2pk": {"S": DUE},
        "gsi2sk": {"S": look_at},
        "event": {"S": delivery.event},
        "body": {"S": delivery.body},
        "correlation_id": {"S": delivery.correlation_id},
        "status": {"S": delivery.status.value},
        "created_at": {"S": delivery.created_at},
        "next_attempt_at": {"S": delivery.next_attempt_at},
        "is_test": {"BOOL": delivery.is_test},
        "attempts": {"L": []},
        "begun": {"N": "0"},
        "expires_at": deletion(delivery.created_at),
    }


def delivery_of(item: Item) -> Delivery:
    text = {name: value["S"] for name, value in item.items() if "S" in value}
    webhook_id, delivery_id = ids_of(item)
    return Delivery(
        webhook_id=webhook_id,
        id=delivery_id,
        event=text["event"],
        body=text["body"],
        correlation_id=text["correlation_id"],
        status=DeliveryStatus(text["status"]),
        created_at=text["created_at"],
        attempts=tuple(_attempt_of(value["M"]) for value in item["attempts"]["L"]),
        next_attempt_at=text.get("next_attempt_at"),
        is_test=item["is_test"]["BOOL"],
        begun=int(item["begun"]["N"]),
        claimed_until=text.get("claimed_until"),
    )


def _attempt_of(value: Item) -> Attempt:
    return Attempt(
        at=value["at"]["S"],
        duration_ms=int(value["duration_ms"]["N"]),
        status_code=int(value["status_code"]["N"]) if "status_code" in value else None,
        error=value["error"]["S"] if "error" in value else None,
    )
