"""The way of an event to its webhooks, against receivers that do what receivers do. The clock is the test's."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from promptmill.clock import now_ms, timestamp
from promptmill.events.names import EventName
from promptmill.events.webhooks.model import DeliveryStatus, DisabledReason, WebhookStatus, changed
from promptmill.events.webhooks.schedule import ATTEMPTS, DAY_MS, HOUR_MS, INTERVALS_MS, MINUTE_MS
from tests.integration.tables import make_table
from tests.integration.webhook_world import World
from tests.support.builders import AT_MS
from tests.support.deliveries import USER, a_delivery, an_event
from tests.support.loopback import Connection, Respond, http_answer
from tests.support.receiver import Receiver

PENDING, DELIVERED, FAILED = DeliveryStatus.PENDING, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED
WEEK_MS = 7 * DAY_MS


@pytest.fixture
def receiver(socket_enabled: None, tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(tmp_path) as found:
        yield found


@pytest.fixture
def world(dynamodb: Any, receiver: Receiver) -> Iterator[World]:
    table = make_table(dynamodb, "WebhooksTable", name="webhooks-of-one-test")
    yield World(table, receiver.authority)
    dynamodb.delete_table(TableName=table)


def answering(*statuses: int) -> Respond:
    """One status after the other; the last one from then on."""
    left = list(statuses)

    def respond(connection: Connection) -> None:
        connection.send(http_answer(left.pop(0) if len(left) > 1 else left[0]))

    return respond


def noting(times: list[int], world: World, respond: Respond) -> Respond:
    """The same answer, and the time of each request by the world's clock, since the first event."""

    def note(connection: Connection) -> None:
        times.append(world.clock() - AT_MS)
        respond(connection)

    return note


def test_an_event_arrives_once_signed_and_to_the_byte(world: World, receiver: Receiver) -> None:
    webhook, event = world.webhook(receiver), an_event(note="é\U0001f98a")
    world.publish(event)
    world.run(WEEK_MS)
    (request,) = receiver.received
    delivery = world.delivery(webhook, event)
    assert request.body.decode() == delivery.body
    assert request.headers["webhook-id"] == event.id == json.loads(request.body)["metadata"]["id"]
    assert request.headers["webhook-timestamp"] == str(AT_MS // 1000)
    assert (delivery.status, [one.status_code for one in delivery.attempts]) == (DELIVERED, [204])
    assert world.now(webhook) == webhook


def test_its_signature_is_one_that_subscribers_verify(world: World, receiver: Receiver) -> None:
    webhook, event = world.webhook(receiver), an_event()
    # The verifier has no clock but the machine's.
    world.clock.at_ms = now_ms()
    world.publish(event)
    world.work()
    (request,) = receiver.received
    assert Verifier(webhook.secrets[0].value).verify(request.body, dict(request.headers))["type"] == "job.succeeded"


def test_events_go_to_who_asked_for_them_and_a_users_to_that_user(world: World, receiver: Receiver) -> None:
    everything = frozenset(EventName)
    mine = world.webhook(receiver, owner=USER, events=everything)
    everybodys = world.webhook(receiver, events=everything)
    world.webhook(receiver, owner="usr_" + "f" * 32, events=everything)
    world.webhook(receiver, events=everything - {EventName.USER_DELETED})
    disabled = world.webhook(receiver, events=everything)
    world.endpoints.disable(disabled, DisabledReason.ASKED, at_ms=AT_MS)
    event, anonymous = an_event("user.deleted"), an_event("user.deleted", owner="ip_" + "0" * 32)
    world.publish(event)
    world.publish(anonymous)
    world.publish(an_event("no.such.event"))
    world.run(MINUTE_MS)
    found = {(one.headers["webhook-id"]) for one in receiver.received}
    assert found == {event.id, anonymous.id}
    assert len(receiver.received) == 3
    assert {world.delivery(webhook, event).status for webhook in (mine, everybodys)} == {DELIVERED}
    assert world.deliveries.page(mine.id, limit=5).deliveries == (world.delivery(mine, event),)


def test_a_receiver_that_always_fails_is_tried_on_the_published_schedule(world: World, receiver: Receiver) -> None:
    times: list[int] = []
    receiver.respond = noting(times, world, answering(503))
    webhook, event = world.webhook(receiver), an_event()
    world.publish(event)
    world.run(WEEK_MS)
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(times) == ATTEMPTS
    for waited, interval_ms in zip(waits, INTERVALS_MS, strict=True):
        # What a message cannot wait for is released at a full minute.
        assert interval_ms <= waited <= interval_ms + (2_000 if interval_ms < HOUR_MS / 2 else MINUTE_MS + 2_000)
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert len({request.body for request in receiver.received}) == 1
    delivery = world.delivery(webhook, event)
    assert (delivery.status, delivery.next_attempt_at, len(delivery.attempts)) == (FAILED, None, ATTEMPTS)
    assert {(one.status_code, one.error) for one in delivery.attempts} == {(503, "answered_5xx")}
    assert world.now(webhook).status is WebhookStatus.ENABLED


@pytest.mark.parametrize("statuses", [(500, 200), (503, 503, 204), (404, 299), (301, 302, 307, 308, 200)])
def test_a_receiver_that_recovers_has_the_event(world: World, receiver: Receiver, statuses: tuple[int, ...]) -> None:
    receiver.respond = answering(*statuses)
    webhook, event = world.webhook(receiver), an_event()
    world.publish(event)
    world.run(WEEK_MS)
    delivery = world.delivery(webhook, event)
    assert [one.status_code for one in delivery.attempts] == list(statuses)
    assert (delivery.status, len(receiver.received)) == (DELIVERED, len(statuses))
    assert world.now(webhook).failing_since is None


def test_a_receiver_says_when_to_come_back(world: World, receiver: Receiver) -> None:
    times: list[int] = []
    busy = http_answer(429, {"Retry-After": "7200"})
    receiver.respond = noting(times, world, lambda connection: connection.send(busy))
    world.webhook(receiver)
    world.publish(an_event())
    world.run(2 * HOUR_MS - 1)
    assert times == [0]
    world.run(MINUTE_MS + 2_000)
    assert len(times) == 2


@pytest.mark.parametrize(
    ("respond", "error"),
    [
        (lambda connection: connection.stay_silent(), "timed_out"),
        (lambda connection: connection.drip(http_answer(200, {"X-Long": "x" * 400})), "timed_out"),
        (lambda connection: connection.reset(), "connection_broken"),
        (lambda connection: connection.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "answer_malformed"),
    ],
    ids=["silent", "drips", "hangs up", "no HTTP"],
)
def test_a_receiver_that_does_not_answer_is_tried_again(
    world: World, receiver: Receiver, respond: Respond, error: str
) -> None:
    world.sender._deadline_seconds = 0.3
    receiver.respond = respond
    webhook, event = world.webhook(receiver), an_event()
    world.publish(event)
    world.work()
    delivery = world.delivery(webhook, event)
    assert (delivery.status, [one.error for one in delivery.attempts]) == (PENDING, [error])
    receiver.answers(http_answer(204))
    world.sender._deadline_seconds = 2
    world.run(2 * MINUTE_MS)
    assert world.delivery(webhook, event).status is DELIVERED
    assert world.now(webhook) == webhook


def test_what_a_slow_receiver_says_behind_its_head_is_not_waited_for(world: World, receiver: Receiver) -> None:
    receiver.respond = lambda connection: (connection.send(http_answer(200)), connection.stay_silent())[1]
    webhook, event = world.webhook(receiver), an_event()
    world.publish(event)
    world.work()
    assert world.delivery(webhook, event).status is DELIVERED


def test_who_is_gone_is_disabled_at_once_and_what_waits_for_it_ends(
    world: World, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.respond = answering(500, 410)
    webhook = world.webhook(receiver)
    events = [an_event(), an_event()]
    for event in events:
        world.publish(event)
    world.run(WEEK_MS)
    assert len(receiver.received) == 2
    gone = world.now(webhook)
    assert (gone.status, gone.disabled_reason) == (WebhookStatus.DISABLED, DisabledReason.GONE)
    first, second = (world.delivery(webhook, event) for event in events)
    assert [(one.status_code, one.error) for one in first.attempts] == [
        (500, "answered_5xx"),
        (None, "webhook_disabled"),
    ]
    assert [(one.status_code, one.error) for one in second.attempts] == [(410, "answered_4xx")]
    assert (first.status, second.status) == (FAILED, FAILED)
    assert [one.disabled for one in world.attempted] == [False, True]
    (line,) = [one for one in caplog.records if one.getMessage() == "webhook disabled"]
    found = {name: vars(line)[name] for name in ("webhook_id", "reason")}
    assert found == {"webhook_id": webhook.id, "reason": "gone"}
    world.publish(an_event())
    world.run(MINUTE_MS)
    assert len(receiver.received) == 2


def test_who_took_nothing_for_five_days_is_disabled_by_the_next_failure(world: World, receiver: Receiver) -> None:
    receiver.respond = answering(500)
    webhook = world.webhook(receiver)
    world.publish(an_event())
    world.run(5 * DAY_MS - MINUTE_MS)
    assert world.now(webhook).status is WebhookStatus.ENABLED
    world.clock.advance(2 * MINUTE_MS)
    last = an_event()
    world.publish(last)
    world.run(WEEK_MS)
    failing = world.now(webhook)
    assert (failing.status, failing.disabled_reason) == (WebhookStatus.DISABLED, DisabledReason.FAILING)
    assert len(world.delivery(webhook, last).attempts) == 1
    enabled = changed(failing, status=WebhookStatus.ENABLED, at_ms=world.clock())
    world.endpoints.change(failing, enabled)
    again = an_event()
    world.publish(again)
    world.run(MINUTE_MS)
    assert world.now(webhook).status is WebhookStatus.ENABLED
    assert len(world.delivery(webhook, again).attempts) == 2


def test_a_success_in_between_begins_the_five_days_anew(world: World, receiver: Receiver) -> None:
    receiver.respond = answering(500, 200, 500)
    webhook = world.webhook(receiver)
    world.publish(an_event())
    world.run(5 * DAY_MS)
    began_at = timestamp(world.clock())
    world.publish(an_event())
    world.work()
    assert world.now(webhook).status is WebhookStatus.ENABLED
    assert world.now(webhook).failing_since == began_at


@pytest.mark.parametrize("how", ["deleted", "disabled"])
def test_a_webhook_that_ends_meanwhile_is_called_no_more(world: World, receiver: Receiver, how: str) -> None:
    receiver.respond = answering(500)
    webhook, event = world.webhook(receiver), an_event()
    world.publish(event)
    world.work()
    if how == "deleted":
        world.endpoints.delete(webhook.id)
    else:
        world.endpoints.disable(webhook, DisabledReason.ASKED, at_ms=world.clock())
    world.run(WEEK_MS)
    delivery = world.delivery(webhook, event)
    assert len(receiver.received) == 1
    assert (delivery.status, delivery.attempts[-1].error) == (FAILED, "webhook_disabled")


def test_a_message_that_comes_again_sends_nothing(world: World, receiver: Receiver) -> None:
    receiver.respond = answering(500, 200)
    webhook, event = world.webhook(receiver), an_event()
    for _ in range(3):
        world.publish(event)
        world.work()
    for _ in range(5):
        world.queue.send(webhook.id, event.id)
    world.work()
    assert len(receiver.received) == 1
    world.run(4_999)
    for _ in range(5):
        world.queue.send(webhook.id, event.id)
    world.run(1_000)
    for _ in range(5):
        world.queue.send(webhook.id, event.id)
    world.run(WEEK_MS)
    assert [one.status_code for one in world.delivery(webhook, event).attempts] == [500, 200]
    assert len(receiver.received) == 2


def test_a_test_is_tried_once_and_says_nothing_about_its_webhook(world: World, receiver: Receiver) -> None:
    receiver.respond = answering(500)
    webhook = world.webhook(receiver)
    delivery = a_delivery(webhook.id, is_test=True)
    world.deliveries.add(delivery, at_ms=AT_MS)
    world.queue.send(webhook.id, delivery.id)
    world.run(WEEK_MS)
    assert len(receiver.received) == 1
    assert world.deliveries.get(webhook.id, delivery.id).status is FAILED
    assert world.now(webhook) == webhook


def test_a_delivery_made_anew_is_sent_as_it_was_and_has_all_its_attempts(world: World, receiver: Receiver) -> None:
    receiver.respond = answering(500)
    webhook, event = world.webhook(receiver), an_event()
    world.publish(event)
    world.run(4 * DAY_MS)
    assert world.delivery(webhook, event).status is FAILED
    receiver.respond = answering(500, 200)
    world.deliveries.restart(webhook.id, event.id, at_ms=world.clock())
    world.queue.send(webhook.id, event.id)
    world.run(MINUTE_MS)
    delivery = world.delivery(webhook, event)
    assert (delivery.status, len(delivery.attempts)) == (DELIVERED, ATTEMPTS + 2)
    assert len({(request.headers["webhook-id"], request.body) for request in receiver.received}) == 1


def test_what_is_cut_off_again_and_again_ends(world: World, receiver: Receiver) -> None:
    webhook, event = world.webhook(receiver), an_event()
    world.publish(event)
    world.work()
    world.deliveries.restart(webhook.id, event.id, at_ms=world.clock())
    for _ in range(ATTEMPTS):
        assert world.deliveries.claim(webhook.id, event.id, at_ms=world.clock())
        world.clock.advance(MINUTE_MS)
    world.run(HOUR_MS)
    delivery = world.delivery(webhook, event)
    assert (delivery.status, delivery.attempts[-1].error) == (FAILED, "interrupted")
    assert len(receiver.received) == 1


def test_an_attempt_leaves_one_line_with_ids_and_figures(
    world: World, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.respond = answering(503, 200)
    webhook, event = world.webhook(receiver, url=f"{receiver.url}?token=of-the-receiver"), an_event()
    world.publish(event)
    with caplog.at_level(logging.INFO, logger="promptmill"):
        world.run(MINUTE_MS)
    lines = [vars(one) for one in caplog.records if one.getMessage() == "webhook attempt"]
    names = ("webhook_id", "event_id", "correlation_id", "attempt", "outcome", "status_code", "reason")
    assert [tuple(line[name] for name in names) for line in lines] == [
        (webhook.id, event.id, "req-1", 1, "pending", 503, "answered_5xx"),
        (webhook.id, event.id, "req-1", 2, "delivered", 200, None),
    ]
    assert all(isinstance(line["duration_ms"], int) for line in lines)
    assert "of-the-receiver" not in str(lines)
