"""Whoever fans an event out, delivers it or releases it may be killed at any call: nothing is lost.

At worst an event is sent twice, with the same ``webhook-id``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from promptmill.events.webhooks.deliveries.store import LOOK_AGAIN_MS
from promptmill.events.webhooks.model import Attempt, Delivery, DeliveryStatus, DisabledReason, Webhook
from promptmill.events.webhooks.payload import Event
from promptmill.events.webhooks.schedule import HOUR_MS, MINUTE_MS
from tests.integration.crashes import Cut
from tests.integration.tables import make_table
from tests.integration.webhook_world import World
from tests.support.builders import AT, AT_MS
from tests.support.deliveries import a_delivery, an_event
from tests.support.loopback import http_answer
from tests.support.receiver import Receiver

# What was lost is found within a lease, or a message's time, and the minute after it.
FOUND_MS = 4 * MINUTE_MS
DELIVERED, FAILED = DeliveryStatus.DELIVERED, DeliveryStatus.FAILED


@pytest.fixture(scope="module")
def table(dynamodb: Any) -> str:
    return make_table(dynamodb, "WebhooksTable")


def cuts(table: str, receiver: Receiver, live: Callable[[World], object]) -> Iterator[tuple[World, str]]:
    """A world for every call that ``live`` makes, cut before or after it, and what is cut."""
    whole = World(table, receiver.authority)
    live(whole)
    clear(whole)
    assert whole.calls.made
    for number, name in enumerate(list(whole.calls.made)):
        for after in (False, True):
            receiver.received.clear()
            world = World(table, receiver.authority)
            world.calls.cut = Cut(number, after)
            yield world, f"{name} {number} cut {'after' if after else 'before'}"
            clear(world)


def clear(world: World) -> None:
    """Nothing is left for the next world."""
    for item in world.outside.scan(TableName=world.table)["Items"]:
        world.outside.delete_item(TableName=world.table, Key={name: item[name] for name in ("pk", "sk")})


def sent(receiver: Receiver) -> set[tuple[str, bytes]]:
    return {(request.headers["webhook-id"], request.body) for request in receiver.received}


def publish(world: World, receiver: Receiver, count: int = 1) -> tuple[list[Webhook], Event]:
    webhooks, event = [world.webhook(receiver) for _ in range(count)], an_event()
    world.publish(event)
    return webhooks, event


def test_an_event_reaches_all_its_webhooks(table: str, receiver: Receiver) -> None:
    def live(world: World) -> tuple[list[Webhook], Event]:
        published = publish(world, receiver, count=2)
        world.run(FOUND_MS)
        return published

    for world, what in cuts(table, receiver, live):
        webhooks, event = live(world)
        assert [world.delivery(webhook, event).status for webhook in webhooks] == [DELIVERED] * 2, what
        assert len(receiver.received) in {2, 3}, what
        assert len(sent(receiver)) == 1, what


def test_an_event_that_was_not_received_is_sent_again(table: str, receiver: Receiver) -> None:
    def live(world: World) -> tuple[list[Webhook], Event]:
        left = [500]
        receiver.respond = lambda connection: connection.send(http_answer(left.pop() if left else 204))
        published = publish(world, receiver)
        world.run(2 * FOUND_MS)
        return published

    for world, what in cuts(table, receiver, live):
        (webhook,), event = live(world)
        delivery = world.delivery(webhook, event)
        assert delivery.status is DELIVERED, what
        assert len(receiver.received) in {2, 3}, what
        assert len(sent(receiver)) == 1, what
        assert world.now(webhook).failing_since is None, what


def test_who_is_gone_is_disabled(table: str, receiver: Receiver) -> None:
    receiver.respond = lambda connection: connection.send(http_answer(410))

    def live(world: World) -> tuple[list[Webhook], Event]:
        published = publish(world, receiver)
        world.run(FOUND_MS)
        return published

    for world, what in cuts(table, receiver, live):
        (webhook,), event = live(world)
        assert world.delivery(webhook, event).status is FAILED, what
        assert len(receiver.received) in {1, 2}, what
        assert world.now(webhook).disabled_reason is DisabledReason.GONE, what


def test_what_waits_for_who_did_not_answer_is_delivered(table: str, receiver: Receiver) -> None:
    def live(world: World) -> tuple[list[Webhook], Event]:
        (webhook,), event = publish(world, receiver)
        world.endpoints.hold(webhook, until_ms=world.clock() + MINUTE_MS, at_ms=world.clock())
        world.run(2 * FOUND_MS)
        return [webhook], event

    for world, what in cuts(table, receiver, live):
        (webhook,), event = live(world)
        assert world.delivery(webhook, event).status is DELIVERED, what
        assert len(receiver.received) in {1, 2}, what
        assert world.now(webhook).held_until is None, what


def test_what_no_message_asks_for_is_released(table: str, receiver: Receiver) -> None:
    def live(world: World) -> tuple[Webhook, Delivery]:
        webhook = world.webhook(receiver)
        delivery = a_delivery(webhook.id)
        assert world.deliveries.add(delivery, at_ms=AT_MS)
        claimed = world.deliveries.claim(webhook.id, delivery.id, at_ms=AT_MS)
        assert claimed is not None
        failed = Attempt(at=AT, duration_ms=9, status_code=503, error="answered_5xx")
        world.deliveries.record(claimed, failed, DeliveryStatus.PENDING, at_ms=AT_MS, next_attempt_ms=AT_MS + HOUR_MS)
        world.run(HOUR_MS + LOOK_AGAIN_MS + FOUND_MS)
        return webhook, delivery

    for world, what in cuts(table, receiver, live):
        webhook, delivery = live(world)
        assert world.deliveries.get(webhook.id, delivery.id, at_ms=world.clock()).status is DELIVERED, what
        assert len(receiver.received) in {1, 2}, what
        assert len(sent(receiver)) == 1, what
