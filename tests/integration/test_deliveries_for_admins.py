"""What an admin does with deliveries: the store, and the one in memory that tests use in its place, do the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from promptmill.clock import timestamp
from promptmill.errors import DeliveryNotFound
from promptmill.events.webhooks.deliveries.store import DeliveryStore
from promptmill.events.webhooks.model import Delivery, DeliveryStatus
from tests.support.builders import AT_MS
from tests.support.deliveries import a_delivery, a_webhook_id
from tests.unit.webhooks.fakes import MemoryDeliveries


@pytest.fixture(params=["dynamodb", "memory"])
def deliveries(request: pytest.FixtureRequest, dynamodb: Any, webhooks_table: str) -> DeliveryStore:
    return DeliveryStore(webhooks_table, dynamodb) if request.param == "dynamodb" else MemoryDeliveries()


def test_a_delivery_is_there_once_and_at_its_webhook_only(deliveries: DeliveryStore) -> None:
    delivery = a_delivery()
    assert deliveries.add(delivery, at_ms=AT_MS)
    assert not deliveries.add(replace(delivery, body="{}"), at_ms=AT_MS)
    assert deliveries.get(delivery.webhook_id, delivery.id, at_ms=AT_MS) == delivery
    for webhook_id, delivery_id in ((a_webhook_id(), delivery.id), (delivery.webhook_id, "evt_x")):
        with pytest.raises(DeliveryNotFound):
            deliveries.get(webhook_id, delivery_id, at_ms=AT_MS)
        with pytest.raises(DeliveryNotFound):
            deliveries.restart(webhook_id, delivery_id, at_ms=AT_MS)


@pytest.mark.parametrize("limit", [1, 2, 5])
@pytest.mark.parametrize("status", [None, DeliveryStatus.PENDING, DeliveryStatus.FAILED])
def test_deliveries_are_listed_newest_first_and_once_each(
    deliveries: DeliveryStore, limit: int, status: DeliveryStatus | None
) -> None:
    webhook_id = a_webhook_id()
    added = [a_delivery(webhook_id, at_ms=AT_MS + number) for number in range(4)]
    for delivery in (*added, a_delivery()):
        assert deliveries.add(delivery, at_ms=AT_MS)
    found: list[Delivery] = []
    page = deliveries.page(webhook_id, limit=limit, at_ms=AT_MS, status=status)
    while page.position is not None:
        found += page.entries
        page = deliveries.page(webhook_id, limit=limit, at_ms=AT_MS, status=status, after=page.position)
    found += page.entries
    assert found == ([] if status is DeliveryStatus.FAILED else added[::-1])


def test_a_restarted_delivery_is_due_at_once(deliveries: DeliveryStore) -> None:
    delivery = a_delivery()
    deliveries.add(delivery, at_ms=AT_MS)
    restarted = deliveries.restart(delivery.webhook_id, delivery.id, at_ms=AT_MS + 9)
    assert restarted == replace(delivery, next_attempt_at=timestamp(AT_MS + 9))
    assert deliveries.get(delivery.webhook_id, delivery.id, at_ms=AT_MS) == restarted
