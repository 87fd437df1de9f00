"""The functions that deliver webhooks, called with their sample events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any

import pytest

from promptmill.errors import QueueUnavailable
from promptmill.events.webhooks.deliveries.store import LOOK_AGAIN_MS
from promptmill.events.webhooks.model import DeliveryStatus, Webhook
from promptmill.events.webhooks.release import PAGE_SIZE, Released, release
from promptmill.events.webhooks.schedule import MINUTE_MS
from promptmill.settings import settings
from tests.integration.webhook_world import MemoryQueue, World, answering
from tests.support.builders import AT_MS
from tests.support.deliveries import BROKEN, a_delivery
from tests.support.functions import handler
from tests.support.receiver import Receiver
from tests.unit.jobs.settling import always
from tests.unit.samples.samples import sample

NOTHING_KEPT: dict[str, list[Any]] = {"batchItemFailures": []}


class Remaining:
    """A Lambda context with this time left."""

    def __init__(self, milliseconds: int) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


@pytest.fixture(autouse=True)
def _stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PROMPTMILL_STAGE", "dev")
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def webhook(webhooks: World, receiver: Receiver) -> Webhook:
    """The webhook of the sample events."""
    asked = json.loads(sample("deliver_webhook")["Records"][0]["body"])
    return webhooks.webhook(receiver, id=asked["webhook_id"])


def fan_out(webhooks: World, event: dict[str, Any]) -> Any:
    return handler("fan_out_event")(event, None, fan_out=webhooks.fan_out, at_ms=AT_MS)


def deliver(webhooks: World, event: dict[str, Any]) -> Any:
    return handler("deliver_webhook")(event, None, dispatch=webhooks.dispatch, at_ms=AT_MS)


def counts(capsys: pytest.CaptureFixture[str]) -> list[dict[str, float]]:
    """The metrics that were written, a line each."""
    names = ("WebhookAttempts", "WebhookFailures", "WebhooksDisabled", "DeliveriesReleased", "ReleasesCutShort")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [{name: line[name][0] for name in names if name in line} for line in lines]


def test_an_event_is_stored_for_its_webhook_and_asked_for(webhooks: World, webhook: Webhook) -> None:
    event = sample("fan_out_event")
    assert fan_out(webhooks, event) == fan_out(webhooks, event) == NOTHING_KEPT
    (delivery,) = webhooks.deliveries.page(webhook.id, limit=5, at_ms=AT_MS).entries
    assert delivery.id == json.loads(event["Records"][0]["body"])["detail"]["metadata"]["id"]
    asked = json.loads(sample("deliver_webhook")["Records"][0]["body"])
    assert [vars_of(one.content) for one in webhooks.queue.waiting] == [asked]


def vars_of(message: Any) -> dict[str, str]:
    return {"webhook_id": message.webhook_id, "delivery_id": message.delivery_id}


@pytest.mark.parametrize(
    ("status", "counted"),
    [
        (204, {"WebhookAttempts": 1, "WebhookFailures": 0, "WebhooksDisabled": 0}),
        (503, {"WebhookAttempts": 1, "WebhookFailures": 1, "WebhooksDisabled": 0}),
        (410, {"WebhookAttempts": 1, "WebhookFailures": 1, "WebhooksDisabled": 1}),
    ],
)
def test_an_attempt_is_made_once_and_counted(
    webhooks: World,
    webhook: Webhook,
    receiver: Receiver,
    capsys: pytest.CaptureFixture[str],
    status: int,
    counted: dict[str, float],
) -> None:
    receiver.respond = answering(status)
    fan_out(webhooks, sample("fan_out_event"))
    assert deliver(webhooks, sample("deliver_webhook")) == deliver(webhooks, sample("deliver_webhook")) == NOTHING_KEPT
    assert len(receiver.received) == 1
    assert counts(capsys) == [counted]


def test_what_failed_together_is_not_tried_again_together(webhooks: World, webhook: Webhook) -> None:
    webhooks.script(BROKEN)
    (message,) = sample("deliver_webhook")["Records"]
    for delivery in (tried := [a_delivery(webhook.id) for _ in range(8)]):
        webhooks.deliveries.add(delivery, at_ms=AT_MS)
        asked = {"webhook_id": webhook.id, "delivery_id": delivery.id}
        assert deliver(webhooks, {"Records": [{**message, "body": json.dumps(asked)}]}) == NOTHING_KEPT
    page = webhooks.deliveries.page(webhook.id, limit=len(tried), at_ms=AT_MS)
    assert len({one.next_attempt_at for one in page.entries}) > 1


@pytest.mark.parametrize("function", [fan_out, deliver])
def test_a_message_that_is_none_fails_alone(
    webhooks: World, webhook: Webhook, receiver: Receiver, function: Any
) -> None:
    fan_out(webhooks, sample("fan_out_event"))
    (good,) = sample("fan_out_event" if function is fan_out else "deliver_webhook")["Records"]
    bad = {**good, "messageId": "the malformed one", "body": '{"webhook_id":7}'}
    kept = function(webhooks, {"Records": [bad, good]})
    assert kept == {"batchItemFailures": [{"itemIdentifier": "the malformed one"}]}
    assert len(receiver.received) == (0 if function is fan_out else 1)


def test_what_is_due_is_released_and_counted_while_there_is_time(
    webhooks: World, webhook: Webhook, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    fan_out(webhooks, sample("fan_out_event"))
    webhooks.queue.waiting.clear()
    parts = {"deliveries": webhooks.deliveries, "queue": webhooks.queue, "at_ms": AT_MS + MINUTE_MS}
    call = handler("release_deliveries")
    assert call(sample("release_deliveries"), Remaining(15_000), **parts) == 0
    assert call(sample("release_deliveries"), Remaining(60_000), **parts) == 1
    assert call(sample("release_deliveries"), Remaining(60_000), **parts) == 0
    assert counts(capsys) == [
        {"DeliveriesReleased": 0, "ReleasesCutShort": 1},
        {"DeliveriesReleased": 1, "ReleasesCutShort": 0},
        {"DeliveriesReleased": 0, "ReleasesCutShort": 0},
    ]
    webhooks.clock.advance(MINUTE_MS)
    webhooks.work()
    (delivery,) = webhooks.deliveries.page(webhook.id, limit=5, at_ms=AT_MS).entries
    assert (delivery.status, len(receiver.received)) == (DeliveryStatus.DELIVERED, 1)


def test_what_cannot_be_asked_for_keeps_no_other_from_it(webhooks: World) -> None:
    added = [a_delivery() for _ in range(PAGE_SIZE + 1)]
    for number, delivery in enumerate(added):
        webhooks.deliveries.add(delivery, at_ms=AT_MS - number)
    refused = {added[-1].id, added[5].id}

    class Refusing(MemoryQueue):
        def send(self, webhook_id: str, delivery_id: str, *, delay_seconds: int = 0) -> None:
            if delivery_id in refused:
                raise QueueUnavailable("not now")
            super().send(webhook_id, delivery_id, delay_seconds=delay_seconds)

    queue = Refusing(webhooks.clock, webhooks.calls)
    released = release(webhooks.deliveries, queue, at_ms=AT_MS + MINUTE_MS, has_time=always)
    assert released == Released(len(added) - len(refused), cut_short=True)
    assert {one.content.delivery_id for one in queue.waiting} == {one.id for one in added} - refused
    again_ms = AT_MS + MINUTE_MS + LOOK_AGAIN_MS
    assert release(webhooks.deliveries, webhooks.queue, at_ms=again_ms, has_time=always) == Released(len(added))


def test_two_releases_at_one_time_ask_once(webhooks: World) -> None:
    for _ in range(3):
        webhooks.deliveries.add(a_delivery(), at_ms=AT_MS)
    meanwhile: list[Released] = []
    one_at_a_time = Lock()

    def released(has_time: Callable[[], bool]) -> Released:
        return release(webhooks.counted, webhooks.queue, at_ms=AT_MS + MINUTE_MS, has_time=has_time)

    def meanwhile_another() -> bool:
        with one_at_a_time:
            if not meanwhile:
                meanwhile.append(released(always))
        return True

    assert released(meanwhile_another) == Released(0)
    assert (meanwhile, len(webhooks.queue.waiting)) == ([Released(3)], 3)
