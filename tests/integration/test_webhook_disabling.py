"""When nothing is sent to a webhook any more, and what becomes of what waits for it. The clock is the test's."""

from __future__ import annotations

import pytest

from promptmill.clock import timestamp
from promptmill.events.webhooks.model import DeliveryStatus, DisabledReason, WebhookStatus, changed
from promptmill.events.webhooks.schedule import DAY_MS, MINUTE_MS
from tests.integration.webhook_world import World, answering
from tests.support.builders import AT_MS
from tests.support.deliveries import a_delivery, an_event
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


def test_who_took_nothing_for_five_days_is_disabled_by_the_next_failure(webhooks: World, receiver: Receiver) -> None:
    receiver.respond = answering(500)
    webhook = webhooks.webhook(receiver)
    webhooks.publish(an_event())
    webhooks.run(5 * DAY_MS - MINUTE_MS)
    assert webhooks.now(webhook).status is WebhookStatus.ENABLED
    webhooks.clock.advance(2 * MINUTE_MS)
    last = an_event()
    webhooks.publish(last)
    webhooks.run(WEEK_MS)
    failing = webhooks.now(webhook)
    assert (failing.status, failing.disabled_reason) == (WebhookStatus.DISABLED, DisabledReason.FAILING)
    assert len(webhooks.delivery(webhook, last).attempts) == 1
    enabled = changed(failing, status=WebhookStatus.ENABLED, at_ms=webhooks.clock())
    webhooks.endpoints.change(failing, enabled)
    again = an_event()
    webhooks.publish(again)
    webhooks.run(MINUTE_MS)
    assert webhooks.now(webhook).status is WebhookStatus.ENABLED
    assert len(webhooks.delivery(webhook, again).attempts) == 2


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


def test_a_test_is_tried_once_and_says_nothing_about_its_webhook(webhooks: World, receiver: Receiver) -> None:
    receiver.respond = answering(500)
    webhook = webhooks.webhook(receiver)
    delivery = a_delivery(webhook.id, is_test=True)
    webhooks.deliveries.add(delivery, at_ms=AT_MS)
    webhooks.queue.send(webhook.id, delivery.id)
    webhooks.run(WEEK_MS)
    assert len(receiver.received) == 1
    assert webhooks.deliveries.get(webhook.id, delivery.id).status is FAILED
    assert webhooks.now(webhook) == webhook
