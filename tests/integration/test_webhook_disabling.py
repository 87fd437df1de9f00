"""When nothing is sent to a webhook any more, and what becomes of what waits for it. The clock is the test's."""

from __future__ import annotations

import pytest

from promptmill.clock import timestamp
from promptmill.events.webhooks.answer import Answer
from promptmill.events.webhooks.model import DeliveryStatus, DisabledReason, WebhookStatus, changed
from promptmill.events.webhooks.schedule import DAY_MS, MINUTE_MS
from tests.integration.webhook_world import World, answering
from tests.support.builders import AT, AT_MS
from tests.support.deliveries import BROKEN, GONE, RECEIVED, SILENT, a_delivery, an_event
from tests.support.receiver import Receiver

FAILED = DeliveryStatus.FAILED
WEEK_MS = 7 * DAY_MS


def test_who_is_gone_is_disabled_at_once_and_what_waits_for_it_ends(
    webhooks: World, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.respond = answering(500, 410)
    webhook = webhooks.webhook(receiver)
    events = [an_event(), an_event()]
    for event in events:
        webhooks.publish(event)
    webhooks.run(WEEK_MS)
    assert len(receiver.received) == 2
    gone = webhooks.now(webhook)
    assert (gone.status, gone.disabled_reason) == (WebhookStatus.DISABLED, DisabledReason.GONE)
    first, second = (webhooks.delivery(webhook, event) for event in events)
    assert [(one.status_code, one.error) for one in first.attempts] == [
        (500, "answered_5xx"),
        (None, "webhook_disabled"),
    ]
    assert [(one.status_code, one.error) for one in second.attempts] == [(410, "answered_4xx")]
    assert (first.status, second.status) == (FAILED, FAILED)
    assert [one.disabled for one in webhooks.attempted] == [False, True]
    (line,) = [one for one in caplog.records if one.getMessage() == "webhook disabled"]
    found = {name: vars(line)[name] for name in ("webhook_id", "reason")}
    assert found == {"webhook_id": webhook.id, "reason": "gone"}
    webhooks.publish(an_event())
    webhooks.run(MINUTE_MS)
    assert len(receiver.received) == 2


def fails_for_days(webhooks: World, days: int) -> None:
    """An event a day that nobody takes."""
    webhooks.script(BROKEN)
    for _ in range(days):
        webhooks.publish(an_event())
        webhooks.run(DAY_MS)


def test_who_took_nothing_for_five_days_is_disabled_by_the_next_failure(webhooks: World, receiver: Receiver) -> None:
    webhook = webhooks.webhook(receiver)
    fails_for_days(webhooks, 5)
    assert webhooks.now(webhook).status is WebhookStatus.ENABLED
    last = an_event()
    webhooks.publish(last)
    webhooks.run(WEEK_MS)
    failing = webhooks.now(webhook)
    assert (failing.status, failing.disabled_reason) == (WebhookStatus.DISABLED, DisabledReason.FAILING)
    assert failing.failing_since == AT
    assert len(webhooks.delivery(webhook, last).attempts) == 1
    enabled = changed(failing, status=WebhookStatus.ENABLED, at_ms=webhooks.clock())
    webhooks.endpoints.change(failing, enabled)
    again = an_event()
    webhooks.publish(again)
    webhooks.run(MINUTE_MS)
    assert webhooks.now(webhook).status is WebhookStatus.ENABLED
    assert len(webhooks.delivery(webhook, again).attempts) == 2


def test_days_without_an_event_are_no_days_of_failing(webhooks: World, receiver: Receiver) -> None:
    webhook = webhooks.webhook(receiver)
    webhooks.script(BROKEN)
    webhooks.publish(an_event())
    webhooks.run(30 * DAY_MS)
    webhooks.script(BROKEN, RECEIVED)
    began_at = timestamp(webhooks.clock())
    event = an_event()
    webhooks.publish(event)
    webhooks.work()
    assert webhooks.now(webhook).failing_since == began_at
    webhooks.run(MINUTE_MS)
    assert webhooks.delivery(webhook, event).status is DeliveryStatus.DELIVERED
    assert webhooks.now(webhook) == webhook


@pytest.mark.parametrize("answer", [GONE, BROKEN], ids=["gone", "failing"])
def test_what_was_answered_at_the_url_before_says_nothing_about_the_one_now(
    webhooks: World, receiver: Receiver, answer: Answer
) -> None:
    webhook, event = webhooks.webhook(receiver), an_event()
    fails_for_days(webhooks, 5)

    def move() -> Answer:
        before = webhooks.now(webhook)
        webhooks.endpoints.change(before, changed(before, url="https://new.example.com/", at_ms=webhooks.clock()))
        return answer

    webhooks.script(move, RECEIVED)
    webhooks.publish(event)
    webhooks.work()
    moved = webhooks.now(webhook)
    assert moved == changed(webhook, url="https://new.example.com/", at_ms=AT_MS)
    webhooks.run(MINUTE_MS)
    assert webhooks.delivery(webhook, event).status is DeliveryStatus.DELIVERED


def test_who_took_something_meanwhile_is_not_disabled_and_has_the_event_tried_again(
    webhooks: World, receiver: Receiver
) -> None:
    webhook = webhooks.webhook(receiver)
    fails_for_days(webhooks, 5)
    taken, refused = an_event(), an_event()
    for event in (taken, refused):
        webhooks.fan_out.spread(event, at_ms=webhooks.clock())

    def take_the_other() -> Answer:
        webhooks.script(RECEIVED)
        webhooks.dispatch.attempt(webhook.id, taken.id, at_ms=webhooks.clock(), jitter=0)
        return BROKEN

    webhooks.script(take_the_other)
    webhooks.dispatch.attempt(webhook.id, refused.id, at_ms=webhooks.clock(), jitter=0)
    assert webhooks.now(webhook).status is WebhookStatus.ENABLED
    assert webhooks.delivery(webhook, refused).status is DeliveryStatus.PENDING


def test_a_success_in_between_begins_the_five_days_anew(webhooks: World, receiver: Receiver) -> None:
    receiver.respond = answering(500, 200, 500)
    webhook = webhooks.webhook(receiver)
    webhooks.publish(an_event())
    webhooks.run(5 * DAY_MS)
    began_at = timestamp(webhooks.clock())
    webhooks.publish(an_event())
    webhooks.work()
    assert webhooks.now(webhook).status is WebhookStatus.ENABLED
    assert webhooks.now(webhook).failing_since == began_at


@pytest.mark.parametrize("how", ["deleted", "disabled"])
def test_a_webhook_that_ends_meanwhile_is_called_no_more(webhooks: World, receiver: Receiver, how: str) -> None:
    receiver.respond = answering(500)
    webhook, event = webhooks.webhook(receiver), an_event()
    webhooks.publish(event)
    webhooks.work()
    if how == "deleted":
        webhooks.endpoints.delete(webhook.id)
    else:
        webhooks.endpoints.disable(webhook, DisabledReason.ASKED, at_ms=webhooks.clock())
    webhooks.run(WEEK_MS)
    delivery = webhooks.delivery(webhook, event)
    assert len(receiver.received) == 1
    assert (delivery.status, delivery.attempts[-1].error) == (FAILED, "webhook_disabled")


@pytest.mark.parametrize("answer", [BROKEN, SILENT], ids=["answers", "does not"])
@pytest.mark.parametrize("days", [0, 5])
def test_a_test_is_tried_once_and_says_nothing_about_its_webhook(
    webhooks: World, receiver: Receiver, answer: Answer, days: int
) -> None:
    webhook = webhooks.webhook(receiver)
    fails_for_days(webhooks, days)
    before = webhooks.now(webhook)
    sender = webhooks.script(answer)
    test = a_delivery(webhook.id, at_ms=webhooks.clock(), is_test=True)
    webhooks.deliveries.add(test, at_ms=webhooks.clock())
    webhooks.queue.waiting.clear()
    webhooks.queue.send(webhook.id, test.id)
    webhooks.work()
    assert sender.sent == 1
    assert webhooks.deliveries.get(webhook.id, test.id, at_ms=webhooks.clock()).status is FAILED
    assert webhooks.now(webhook) == before
