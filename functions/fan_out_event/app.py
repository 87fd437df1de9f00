"""Has every event sent to the webhooks it is for. Called with batches of WebhookEventsQueue."""

from typing import Any

from promptmill.batch import each_message
from promptmill.clock import now_ms
from promptmill.events.webhooks.deliveries.gateway import delivery_queue
from promptmill.events.webhooks.deliveries.store import delivery_store
from promptmill.events.webhooks.endpoints.store import endpoint_store
from promptmill.events.webhooks.fan_out import FanOut
from promptmill.events.webhooks.payload import event_of


def lambda_handler(
    event: dict[str, Any], context: object, *, fan_out: FanOut | None = None, at_ms: int | None = None
) -> dict[str, Any]:
    def handle(body: str) -> None:
        parts = fan_out or FanOut(endpoint_store(), delivery_store(), delivery_queue())
        parts.spread(event_of(body), at_ms=now_ms() if at_ms is None else at_ms)

    return each_message(event, "FanOutEvent", handle)
