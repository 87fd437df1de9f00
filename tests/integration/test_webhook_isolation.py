"""A receiver that does not answer keeps no other from its events, and is not flooded when it answers again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from promptmill.events.webhooks.delivery import Dispatch
from promptmill.events.webhooks.model import DeliveryStatus
from promptmill.events.webhooks.schedule import MINUTE_MS
from tests.integration.tables import make_table
from tests.integration.webhook_world import MemoryQueue, Waiting, World
from tests.support.builders import FakeClock
from tests.support.deliveries import an_event
from tests.support.loopback import Respond, http_answer
from tests.support.receiver import Receiver

BACKLOG = 12
AT_A_TIME = 4
DEADLINE_SECONDS = 0.5


@pytest.fixture
def receivers(socket_enabled: None, tmp_path: Path) -> Iterator[tuple[Receiver, Receiver]]:
    with ExitStack() as stack:
        yield stack.enter_context(Receiver(tmp_path)), stack.enter_context(Receiver(tmp_path))


@pytest.fixture
def world(dynamodb: Any, receivers: tuple[Receiver, Receiver]) -> Iterator[World]:
    table = make_table(dynamodb, "WebhooksTable", name="webhooks-of-one-test")
    yield World(table, receivers[0].authority, deadline_seconds=DEADLINE_SECONDS)
    dynamodb.delete_table(TableName=table)


def test_all_others_have_their_events_while_one_does_not_answer(
    world: World, receivers: tuple[Receiver, Receiver]
) -> None:
    silent, well = receivers
    silent.respond = lambda connection: connection.stay_silent()
    hanging, receiving = world.webhook(silent), world.webhook(well)
    events = [an_event() for _ in range(BACKLOG)]
    for event in events:
        world.publish(event)
    world.run(MINUTE_MS - 1)
    assert len(silent.received) == 1
    assert {world.delivery(receiving, event).status for event in events} == {DeliveryStatus.DELIVERED}
    waiting = [world.delivery(hanging, event) for event in events]
    assert {one.status for one in waiting} == {DeliveryStatus.PENDING}
    assert sorted(one.begun for one in waiting) == [0] * (BACKLOG - 1) + [1]


@pytest.mark.parametrize(
    "trouble",
    [lambda connection: connection.reset(), lambda connection: connection.send(b"\x00 garbage \xff\r\n\r\n" * 9)],
    ids=["resets", "answers garbage"],
)
def test_all_others_have_their_events_while_one_is_in_trouble(
    world: World, receivers: tuple[Receiver, Receiver], trouble: Respond
) -> None:
    broken, well = receivers
    broken.respond = trouble
    failing, receiving = world.webhook(broken), world.webhook(well)
    events = [an_event() for _ in range(BACKLOG)]
    for event in events:
        world.publish(event)
    world.work()
    assert {world.delivery(receiving, event).status for event in events} == {DeliveryStatus.DELIVERED}
    assert {world.delivery(failing, event).status for event in events} == {DeliveryStatus.PENDING}
    assert (world.now(receiving).failing_since, world.now(failing).failing_since is None) == (None, False)


def test_who_answers_again_has_all_its_events_within_two_minutes(
    world: World, receivers: tuple[Receiver, Receiver]
) -> None:
    silent, _ = receivers
    silent.respond = lambda connection: connection.stay_silent()
    hanging = world.webhook(silent)
    events = [an_event() for _ in range(BACKLOG)]
    for event in events:
        world.publish(event)
    world.run(MINUTE_MS - 1)
    silent.answers(http_answer(204))
    world.run(2 * MINUTE_MS + 1)
    assert {world.delivery(hanging, event).status for event in events} == {DeliveryStatus.DELIVERED}
    assert len(silent.received) == BACKLOG


def test_one_function_at_a_time_tries_who_does_not_answer(world: World, receivers: tuple[Receiver, Receiver]) -> None:
    silent, _ = receivers
    silent.respond = lambda connection: connection.stay_silent()
    world.webhook(silent)
    for _ in range(BACKLOG):
        world.publish(an_event())
    world._take(world.events, lambda event: world.fan_out.spread(event, at_ms=world.clock()))
    first_minute = all_at_once(world)
    assert len(first_minute) == BACKLOG
    assert len(silent.received) <= AT_A_TIME
    silent.received.clear()
    world.clock.at_ms = max(one.visible_ms for one in first_minute)
    all_at_once(world)
    assert len(silent.received) == 1


def all_at_once(world: World) -> list[Waiting]:
    """Has all messages handled, ``AT_A_TIME`` side by side at one time of the clock; what was sent meanwhile."""
    messages, world.queue.waiting = world.queue.waiting, []
    now_ms, lock = world.clock(), threading.Lock()
    sent: list[Waiting] = []

    class Collecting(MemoryQueue):
        def send(self, webhook_id: str, delivery_id: str, *, delay_seconds: int = 0) -> None:
            own = MemoryQueue(FakeClock(now_ms), world.calls)
            own.send(webhook_id, delivery_id, delay_seconds=delay_seconds)
            with lock:
                sent.extend(own.waiting)

    parts = world.dispatch
    dispatch = Dispatch(parts.endpoints, parts.deliveries, Collecting(world.clock, world.calls), parts.sender)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        list(
            pool.map(
                lambda one: dispatch.attempt(one.content.webhook_id, one.content.delivery_id, at_ms=now_ms, jitter=0),
                messages,
            )
        )
    world.queue.waiting = sent
    return list(sent)
