"""Makes one attempt to deliver an event to a webhook. Called with messages of DeliveriesQueue, one at a time."""

from typing import Any

from promptmill.batch import each_message
from promptmill.clock import now_ms, random_fraction
from promptmill.events.webhooks.deliveries.gateway import delivery_queue, message_of
from promptmill.events.webhooks.deliveries.store import delivery_store
from promptmill.events.webhooks.delivery import Dispatch
from promptmill.events.webhooks.endpoints.store import endpoint_store
from promptmill.events.webhooks.gateway import webhook_sender
from promptmill.metrics import report_counts
from promptmill.settings import settings


def lambda_handler(
    event: dict[str, Any], context: object, *, dispatch: Dispatch | None = None, at_ms: int | None = None
) -> dict[str, Any]:
    def handle(body: str) -> None:
        parts = dispatch or Dispatch(endpoint_store(), delivery_store(), delivery_queue(), webhook_sender())
        message = message_of(body)
        attempted = parts.attempt(
            message.webhook_id,
            message.delivery_id,
            at_ms=now_ms() if at_ms is None else at_ms,
            jitter=random_fraction(),
        )
        if attempted is not None:
            (stage,) = settings().require("stage")
            counts = {"WebhookFailures": int(attempted.failed), "WebhooksDisabled": int(attempted.disabled)}
            report_counts({"WebhookAttempts": 1, **counts}, stage=stage)

    return each_message(event, "DeliverWebhook", handle)
