"""Asks for the attempts that are due and that no message asks for. Called every minute."""

from typing import Any

from promptmill.clock import now_ms
from promptmill.events.webhooks.deliveries.gateway import DeliveryQueue, delivery_queue
from promptmill.events.webhooks.deliveries.store import DeliveryStore, delivery_store
from promptmill.events.webhooks.release import release
from promptmill.metrics import report_counts
from promptmill.settings import settings

# What one delivery takes at its slowest: a call of DynamoDB and one of SQS, each tried twice for three seconds.
RESERVE_MS = 15_000


def lambda_handler(
    event: dict[str, Any],
    context: Any,
    *,
    deliveries: DeliveryStore | None = None,
    queue: DeliveryQueue | None = None,
    at_ms: int | None = None,
) -> int:
    released = release(
        deliveries or delivery_store(),
        queue or delivery_queue(),
        at_ms=now_ms() if at_ms is None else at_ms,
        has_time=lambda: context.get_remaining_time_in_millis() > RESERVE_MS,
    )
    (stage,) = settings().require("stage")
    counts = {"DeliveriesReleased": released.count, "ReleasesCutShort": int(released.cut_short)}
    report_counts(counts, stage=stage)
    return released.count
