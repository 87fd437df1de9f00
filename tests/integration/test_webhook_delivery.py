"""The way of an event to its webhooks, against receivers that do what receivers do. The clock is the test's."""

from __future__ import annotations

import itertools
import json
import logging

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from promptmill.clock import now_ms
from promptmill.events.names import EventName
from promptmill.events.webhooks.model import DeliveryStatus, DisabledReason, WebhookStatus
from promptmill.events.webhooks.schedule import ATTEMPTS, DAY_MS, HOUR_MS, INTERVALS_MS, MINUTE_MS
from tests.integration.webhook_world import World, answering
from tests.support.builders import AT_MS
from tests.support.deliveries import USER, an_event
from tests.support.loopback import Connection, Respond, http_answer
from tests.support.receiver import Receiver

PENDING, DELIVERED, FAILED = DeliveryStatus.PENDING, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED
WEEK_MS = 7 * DAY_MS


def noting(times: list[int], webhooks: World, respond: Respond) -> Respond:
    """The same answer, and the time of each request by the world's clock, since the first event."""

    def note(connection: Connection) -> None:
        times.append(webhooks.clock() - AT_MS)
        respond(connection)

    return note


def test_an_event_arrives_once_signed_and_to_the_byte(webhooks: World, receiver: Receiver) -> None:
    webhook, event = webhooks.webhook(receiver), an_event(note="é\U0001f98a")
    webhooks.publish(event)
    webhooks.run(WEEK_MS)
    (request,) = receiver.received
    delivery = webhooks.delivery(webhook, event)
    assert request.body.decode() == delivery.body
    assert request.headers["webhook-id"] == event.id == json.loads(request.body)["metadata"]["id"]
    assert request.headers["webhook-timestamp"] == str(AT_MS // 1000)
    assert (delivery.status, [one.status_code for one in delivery.attempts]) == (DELIVERED, [204])
    assert webhooks.now(webhook) == webhook


def test_its_signature_is_one_that_subscribers_verify(webhooks: World, receiver: Receiver) -> None:
    webhook, event = webhooks.webhook(receiver), an_event()
    # The verifier has no clock but the machine's.
    webhooks.clock.at_ms = now_ms()
    webhooks.publish(event)
    webhooks.work()
    (request,) = receiver.received
    assert Verifier(webhook.secrets[0].value).verify(request.body, dict(request.headers))["type"] == "job.succeeded"


def test_events_go_to_who_asked_for_them_and_a_users_to_that_user(webhooks: World, receiver: Receiver) -> None:
    everything = frozenset(EventName)
    mine = webhooks.webhook(receiver, owner=USER, events=everything)
    everybodys = webhooks.webhook(receiver, events=everything)
    webhooks.webhook(receiver, owner="usr_" + "f" * 32, events=everything)
    webhooks.webhook(receiver, events=everything - {EventName.USER_DELETED})
    disabled = webhooks.webhook(receiver, events=everything)
    webhooks.endpoints.disable(disabled, DisabledReason.ASKED, at_ms=AT_MS)
    event, anonymous = an_event("user.deleted"), an_event("user.deleted", owner="ip_" + "0" * 32)
    webhooks.publish(event)
    webhooks.publish(anonymous)
    webhooks.publish(an_event("no.such.event"))
    webhooks.run(MINUTE_MS)
    found = {(one.headers["webhook-id"]) for one in receiver.received}
    assert found == {event.id, anonymous.id}
    assert len(receiver.received) == 3
    assert {webhooks.delivery(webhook, event).status for webhook in (mine, everybodys)} == {DELIVERED}
    assert webhooks.deliveries.page(mine.id, limit=5, at_ms=webhooks.clock()).entries == (
        webhooks.delivery(mine, event),
    )


def test_a_receiver_that_always_fails_is_tried_on_the_published_schedule(webhooks: World, receiver: Receiver) -> None:
    times: list[int] = []
    receiver.respond = noting(times, webhooks, answering(503))
    webhook, event = webhooks.webhook(receiver), an_event()
    webhooks.publish(event)
    webhooks.run(WEEK_MS)
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(times) == ATTEMPTS
    for waited, interval_ms in zip(waits, INTERVALS_MS, strict=True):
        # What a message cannot wait for is released at a full minute.
        assert interval_ms <= waited <= interval_ms + (2_000 if interval_ms < HOUR_MS / 2 else MINUTE_MS + 2_000)
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert len({request.body for request in receiver.received}) == 1
    delivery = webhooks.delivery(webhook, event)
    assert (delivery.status, delivery.next_attempt_at, len(delivery.attempts)) == (FAILED, None, ATTEMPTS)
    assert {(one.status_code, one.error) for one in delivery.attempts} == {(503, "answered_5xx")}
    assert webhooks.now(webhook).status is WebhookStatus.ENABLED


@pytest.mark.parametrize("statuses", [(500, 200), (503, 503, 204), (404, 299), (301, 302, 307, 308, 200)])
def test_a_receiver_that_recovers_has_the_event(webhooks: World, receiver: Receiver, statuses: tuple[int, ...]) -> None:
    receiver.respond = answering(*statuses)
    webhook, event = webhooks.webhook(receiver), an_event()
    webhooks.publish(event)
    webhooks.run(WEEK_MS)
    delivery = webhooks.delivery(webhook, event)
    assert [one.status_code for one in delivery.attempts] == list(statuses)
    assert (delivery.status, len(receiver.received)) == (DELIVERED, len(statuses))
    assert webhooks.now(webhook).failing_since is None


def test_a_receiver_says_when_to_come_back(webhooks: World, receiver: Receiver) -> None:
    times: list[int] = []
    busy = http_answer(429, {"Retry-After": "7200"})
    receiver.respond = noting(times, webhooks, lambda connection: connection.send(busy))
    webhooks.webhook(receiver)
    webhooks.publish(an_event())
    webhooks.run(2 * HOUR_MS - 1)
    assert times == [0]
    webhooks.run(MINUTE_MS + 2_000)
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
    webhooks: World, receiver: Receiver, respond: Respond, error: str
) -> None:
    webhooks.sender._deadline_seconds = 0.3
    receiver.respond = respond
    webhook, event = webhooks.webhook(receiver), an_event()
    webhooks.publish(event)
    webhooks.work()
    delivery = webhooks.delivery(webhook, event)
    assert (delivery.status, [one.error for one in delivery.attempts]) == (PENDING, [error])
    receiver.answers(http_answer(204))
    webhooks.sender._deadline_seconds = 2
    webhooks.run(2 * MINUTE_MS)
    assert webhooks.delivery(webhook, event).status is DELIVERED
    assert webhooks.now(webhook) == webhook


def test_what_a_slow_receiver_says_behind_its_head_is_not_waited_for(webhooks: World, receiver: Receiver) -> None:
    def respond(connection: Connection) -> None:
        connection.send(http_answer(200, {"Content-Length": "10"}))
        connection.stay_silent()

    receiver.respond = respond
    webhook, event = webhooks.webhook(receiver), an_event()
    webhooks.publish(event)
    webhooks.work()
    assert webhooks.delivery(webhook, event).status is DELIVERED


def test_a_message_that_comes_again_sends_nothing(webhooks: World, receiver: Receiver) -> None:
    receiver.respond = answering(500, 200)
    webhook, event = webhooks.webhook(receiver), an_event()
    for _ in range(3):
        webhooks.publish(event)
        webhooks.work()
    for _ in range(5):
        webhooks.queue.send(webhook.id, event.id)
    webhooks.work()
    assert len(receiver.received) == 1
    webhooks.run(4_999)
    for _ in range(5):
        webhooks.queue.send(webhook.id, event.id)
    webhooks.run(1_000)
    for _ in range(5):
        webhooks.queue.send(webhook.id, event.id)
    webhooks.run(WEEK_MS)
    assert [one.status_code for one in webhooks.delivery(webhook, event).attempts] == [500, 200]
    assert len(receiver.received) == 2


def test_a_delivery_made_anew_is_sent_as_it_was_and_has_all_its_attempts(webhooks: World, receiver: Receiver) -> None:
    receiver.respond = answering(500)
    webhook, event = webhooks.webhook(receiver), an_event()
    webhooks.publish(event)
    webhooks.run(4 * DAY_MS)
    assert webhooks.delivery(webhook, event).status is FAILED
    receiver.respond = answering(500, 200)
    webhooks.deliveries.restart(webhook.id, event.id, at_ms=webhooks.clock())
    webhooks.queue.send(webhook.id, event.id)
    webhooks.run(MINUTE_MS)
    delivery = webhooks.delivery(webhook, event)
    assert (delivery.status, len(delivery.attempts)) == (DELIVERED, ATTEMPTS + 2)
    assert len({(request.headers["webhook-id"], request.body) for request in receiver.received}) == 1


def test_what_is_cut_off_again_and_again_ends(webhooks: World, receiver: Receiver) -> None:
    webhook, event = webhooks.webhook(receiver), an_event()
    webhooks.publish(event)
    webhooks.work()
    webhooks.deliveries.restart(webhook.id, event.id, at_ms=webhooks.clock())
    for _ in range(ATTEMPTS):
        assert webhooks.deliveries.claim(webhook.id, event.id, at_ms=webhooks.clock())
        webhooks.clock.advance(MINUTE_MS)
    webhooks.run(HOUR_MS)
    delivery = webhooks.delivery(webhook, event)
    assert (delivery.status, delivery.attempts[-1].error) == (FAILED, "interrupted")
    assert len(receiver.received) == 1


def test_an_attempt_leaves_one_line_with_ids_and_figures(
    webhooks: World, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.respond = answering(503, 200)
    webhook, event = webhooks.webhook(receiver, url=f"{receiver.url}?token=of-the-receiver"), an_event()
    webhooks.publish(event)
    with caplog.at_level(logging.INFO, logger="promptmill"):
        webhooks.run(MINUTE_MS)
    lines = [vars(one) for one in caplog.records if one.getMessage() == "webhook attempt"]
    names = ("webhook_id", "event_id", "correlation_id", "attempt", "outcome", "status_code", "reason")
    assert [tuple(line[name] for name in names) for line in lines] == [
        (webhook.id, event.id, "req-1", 1, "pending", 503, "answered_5xx"),
        (webhook.id, event.id, "req-1", 2, "delivered", 200, None),
    ]
    assert all(isinstance(line["duration_ms"], int) for line in lines)
    assert "of-the-receiver" not in str(lines)
