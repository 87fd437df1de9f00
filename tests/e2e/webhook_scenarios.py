"""As ``scenarios``, of the functions that deliver webhooks."""

from __future__ import annotations

import json
from typing import Any

from promptmill.clock import new_id, now_ms, random_hex
from promptmill.events.webhooks.deliveries.store import DeliveryStore
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.events.webhooks.model import Delivery, Webhook
from promptmill.events.webhooks.schedule import HOUR_MS
from tests.e2e.scenarios import Scenario, World
from tests.support.deliveries import a_delivery, an_event, on_the_bus
from tests.support.in_process import InProcess
from tests.support.webhooks import a_webhook

NOTHING_KEPT: dict[str, list[Any]] = {"batchItemFailures": []}
# Nobody listens there.
CLOSED_URL = "https://localhost:9/hooks"


def endpoints_of(world: World) -> EndpointStore:
    return EndpointStore(world.stack.webhooks_table, world.stack.client("dynamodb"))


def deliveries_of(world: World) -> DeliveryStore:
    return DeliveryStore(world.stack.webhooks_table, world.stack.client("dynamodb"))


def a_closed_webhook(world: World) -> Webhook:
    webhook = a_webhook(owner=f"usr_{random_hex(16)}", url=CLOSED_URL)
    endpoints_of(world).add(webhook)
    return webhook


def a_message(body: str) -> dict[str, Any]:
    return {"Records": [{"messageId": random_hex(8), "body": body}]}


def planted(world: World, webhook: Webhook, *, at_ms: int) -> Delivery:
    delivery = a_delivery(webhook.id, id=new_id("evt", at_ms), at_ms=at_ms)
    assert deliveries_of(world).add(delivery, at_ms=at_ms)
    return delivery


def an_event_is_for_a_webhook(world: World, fan_out: InProcess) -> None:
    webhook = a_closed_webhook(world)
    assert webhook.owner
    event = an_event(owner=webhook.owner)
    assert fan_out(a_message(on_the_bus(event))) == NOTHING_KEPT
    endpoints_of(world).delete(webhook.id)
    deliveries_of(world).get(webhook.id, event.id, at_ms=now_ms())


def nobody_answers(world: World, deliver: InProcess) -> None:
    webhook = a_closed_webhook(world)
    delivery = planted(world, webhook, at_ms=now_ms())
    kept = deliver(a_message(json.dumps({"webhook_id": webhook.id, "delivery_id": delivery.id})))
    endpoints_of(world).delete(webhook.id)
    assert kept == NOTHING_KEPT
    (attempt,) = deliveries_of(world).get(webhook.id, delivery.id, at_ms=now_ms()).attempts
    assert attempt.error == "connection_refused"


def a_message_was_lost(world: World, release: InProcess) -> None:
    webhook = a_closed_webhook(world)
    planted(world, webhook, at_ms=now_ms() - HOUR_MS)
    released: Any = release({})
    endpoints_of(world).delete(webhook.id)
    assert released >= 1


WEBHOOK_SCENARIOS = {
    "fan_out_event": [Scenario(an_event_is_for_a_webhook)],
    "deliver_webhook": [Scenario(nobody_answers)],
    "release_deliveries": [Scenario(a_message_was_lost)],
}
