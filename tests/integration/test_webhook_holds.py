"""When deliveries wait for another one of their webhook, and when not. The clock is the test's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from promptmill.clock import epoch_ms, timestamp
from promptmill.events.webhooks.answer import Answer, SendError
from promptmill.events.webhooks.model import DeliveryStatus, Webhook
from promptmill.events.webhooks.payload import Event
from promptmill.events.webhooks.schedule import INTERVALS_MS, MINUTE_MS
from tests.integration.webhook_world import World
from tests.support.deliveries import BROKEN, RECEIVED, SILENT, a_delivery, an_event
from tests.support.receiver import Receiver

PENDING, DELIVERED = DeliveryStatus.PENDING, DeliveryStatus.DELIVERED


def held(webhooks: World, receiver: Receiver) -> tuple[Webhook, Event, int]:
    """A webhook that is held, an event that waits for it, and until when."""
    webhook, event = webhooks.webhook(receiver), an_event()
    webhooks.script(SILENT)
    webhooks.publish(event)
    webhooks.work()
    until = webhooks.now(webhook).held_until
    assert until is not None
    return webhook, event, epoch_ms(until)


@pytest.mark.parametrize(
    "slow",
    [
        SILENT,
        Answer(14_900, 503, SendError.ANSWERED_5XX),
        Answer(10_000, error=SendError.CONNECTION_REFUSED),
        Answer(5_000, error=SendError.NAME_NOT_RESOLVED),
    ],
    ids=["silent", "answers late", "addresses nobody is at", "name server is silent"],
)
def test_who_fails_slowly_is_tried_by_one_at_a_time(webhooks: World, receiver: Receiver, slow: Answer) -> None:
    webhooks.webhook(receiver)
    sender = webhooks.script(slow)
    for _ in range(12):
        webhooks.publish(an_event())
    webhooks.work()
    assert sender.sent == 1


def test_who_fails_at_once_again_is_held_no_longer(webhooks: World, receiver: Receiver) -> None:
    webhook, _, until_ms = held(webhooks, receiver)
    others = [an_event() for _ in range(12)]
    for other in others:
        webhooks.publish(other)
    webhooks.work()
    sender = webhooks.script(BROKEN)
    webhooks.run(until_ms - webhooks.clock() + MINUTE_MS)
    assert webhooks.now(webhook).held_until is None
    assert sender.sent >= 2 * len(others)
    webhooks.run(sum(INTERVALS_MS[:4]) + 2 * MINUTE_MS)
    assert {len(webhooks.delivery(webhook, other).attempts) for other in others} == {5}


def test_a_message_that_nothing_is_due_for_does_not_try_in_anothers_place(webhooks: World, receiver: Receiver) -> None:
    done = an_event()
    webhook = webhooks.webhook(receiver)
    webhooks.script(RECEIVED)
    webhooks.publish(done)
    webhooks.work()
    event = an_event()
    webhooks.script(SILENT)
    webhooks.publish(event)
    webhooks.work()
    until = webhooks.now(webhook).held_until
    assert until is not None
    webhooks.script(RECEIVED)
    webhooks.clock.at_ms = epoch_ms(until)
    assert webhooks.dispatch.attempt(webhook.id, done.id, at_ms=webhooks.clock(), jitter=0) is None
    webhooks.work()
    assert webhooks.delivery(webhook, event).status is DELIVERED


def test_waiting_is_one_write_which_begins_no_attempt(webhooks: World, receiver: Receiver) -> None:
    """With two, what fails between them would cost an attempt, and one after the other all there may be."""
    webhook, _, _ = held(webhooks, receiver)
    event = an_event()
    webhooks.publish(event)
    webhooks.fan_out.spread(webhooks.events.pop().content, at_ms=webhooks.clock())
    before = webhooks.delivery(webhook, event)
    webhooks.calls.made.clear()
    assert webhooks.dispatch.attempt(webhook.id, event.id, at_ms=webhooks.clock(), jitter=0) is None
    assert webhooks.calls.made == ["GetItem", "UpdateItem", "SendMessage"]
    assert webhooks.delivery(webhook, event) == replace(before, next_attempt_at=webhooks.now(webhook).held_until)


def test_of_those_whose_hold_is_over_one_tries_and_the_rest_lose_no_attempt(
    webhooks: World, receiver: Receiver
) -> None:
    webhook, first, until_ms = held(webhooks, receiver)
    second = an_event()
    webhooks.publish(second)
    webhooks.work()
    assert webhooks.delivery(webhook, second).begun == 0
    webhooks.clock.at_ms = until_ms

    def try_the_other() -> Answer:
        assert webhooks.dispatch.attempt(webhook.id, second.id, at_ms=until_ms, jitter=0) is None
        return RECEIVED

    webhooks.script(try_the_other)
    assert webhooks.dispatch.attempt(webhook.id, first.id, at_ms=until_ms, jitter=0) is not None
    waiting = webhooks.delivery(webhook, second)
    assert (waiting.status, waiting.begun, waiting.attempts) == (PENDING, 0, ())
    assert waiting.next_attempt_at == timestamp(until_ms + MINUTE_MS)


def test_a_test_waits_for_nobody_and_nobody_for_it(webhooks: World, receiver: Receiver) -> None:
    webhook, _, until_ms = held(webhooks, receiver)
    before = webhooks.now(webhook)
    sender = webhooks.script(BROKEN)
    for at_ms in (until_ms - 1, until_ms):
        test = a_delivery(webhook.id, at_ms=at_ms, is_test=True)
        webhooks.deliveries.add(test, at_ms=at_ms)
        assert webhooks.dispatch.attempt(webhook.id, test.id, at_ms=at_ms, jitter=0) is not None
    assert sender.sent == 2
    assert webhooks.now(webhook) == before
