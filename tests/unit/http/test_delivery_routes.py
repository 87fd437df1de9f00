"""The admins' routes of what webhooks are sent."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from promptmill.clock import new_id, now_ms, timestamp
from promptmill.errors import QueueUnavailable
from promptmill.events.webhooks.model import Attempt, Delivery, DeliveryStatus
from tests.support.builders import AT_MS
from tests.support.deliveries import a_delivery
from tests.unit.http.calls import BASE_URL, REQUEST_ID
from tests.unit.http.webhook_admin import WebhookAdministration
from tests.unit.webhooks.fakes import MemoryQueue

REFUSED = Attempt(timestamp(AT_MS), 12, 500, "answered_5xx")
SILENT = Attempt(timestamp(AT_MS + 5000), 15_000, None, "timed_out")


class Sent(WebhookAdministration):
    """A webhook, and what it was sent."""

    def __init__(self, queue: MemoryQueue | None = None) -> None:
        super().__init__(queue=queue)
        self.webhook_id: str = self.make()["id"]
        self.path = f"/v1/webhooks/{self.webhook_id}"

    def has(self, *, later_ms: int = 0, **fields: Any) -> Delivery:
        at_ms = now_ms() + later_ms
        delivery = a_delivery(self.webhook_id, at_ms=at_ms, **fields)
        self.deliveries.add(delivery, at_ms=at_ms)
        return delivery


def test_a_test_is_sent_once_and_says_where_to_look() -> None:
    sent = Sent()
    answer = sent.call("POST", f"{sent.path}/test")
    ((webhook_id, delivery_id, delay),) = sent.queue.asked
    delivery = sent.deliveries.get(webhook_id, delivery_id, at_ms=now_ms())
    assert (answer.status, webhook_id, delay, delivery.is_test) == (202, sent.webhook_id, 0, True)
    assert answer.headers["location"] == f"{BASE_URL}{sent.path}/deliveries/{delivery_id}"
    assert answer.json == {
        "id": delivery_id,
        "object": "webhook_delivery",
        "webhook_id": sent.webhook_id,
        "event": "webhook.test",
        "status": "pending",
        "created_at": delivery.created_at,
        "next_attempt_at": delivery.created_at,
        "last_attempt": None,
    }
    assert json.loads(delivery.body)["metadata"]["correlation_id"] == REQUEST_ID
    assert sent.call("POST", f"{sent.path}/test").json["id"] != delivery_id


def test_what_a_webhook_was_sent_is_listed_newest_first_in_pages() -> None:
    sent = Sent()
    ids = [sent.has(later_ms=number * 1000).id for number in range(3)][::-1]
    path = f"{sent.path}/deliveries"
    first = sent.call("GET", path, query={"limit": ["2"]}).json
    assert ([each["id"] for each in first["data"]], first["has_more"]) == (ids[:2], True)
    second = sent.call("GET", path, query={"cursor": [first["next_cursor"]]}).json
    assert ([each["id"] for each in second["data"]], second["next_cursor"]) == (ids[2:], None)


def test_a_list_has_the_deliveries_of_one_state() -> None:
    sent = Sent()
    for status in DeliveryStatus:
        sent.has(status=status)
    for status in DeliveryStatus:
        listed = sent.call("GET", f"{sent.path}/deliveries", query={"status": [status]}).json
        assert [each["status"] for each in listed["data"]] == [status]


@pytest.mark.parametrize(
    "query", [{"status": ["sent"]}, {"status": [""]}, {"status": ["failed", "failed"]}, {"limit": ["0"]}, {"x": ["1"]}]
)
def test_a_list_outside_the_rules_is_a_400(query: dict[str, list[str]]) -> None:
    sent = Sent()
    answer = sent.call("GET", f"{sent.path}/deliveries", query=query)
    assert (answer.status, answer.json["code"]) == (400, "invalid_parameter")


def test_a_cursor_is_of_one_webhook_and_one_state() -> None:
    sent = Sent()
    for number in range(2):
        sent.has(later_ms=number * 1000, status=DeliveryStatus.FAILED)
    query = {"limit": ["1"], "status": ["failed"]}
    cursor = sent.call("GET", f"{sent.path}/deliveries", query=query).json["next_cursor"]
    other = f"/v1/webhooks/{sent.make()['id']}/deliveries"
    for path, state in ((f"{sent.path}/deliveries", {}), (other, {"status": ["failed"]})):
        assert sent.call("GET", path, query={"cursor": [cursor], **state}).status == 400
    again = sent.call("GET", f"{sent.path}/deliveries", query={"cursor": [cursor], "status": ["failed"]})
    assert len(again.json["data"]) == 1


def test_a_delivery_is_read_with_its_attempts_and_without_what_was_sent() -> None:
    sent = Sent()
    delivery = sent.has(attempts=(REFUSED, SILENT))
    answer = sent.call("GET", f"{sent.path}/deliveries/{delivery.id}")
    refused = {"at": REFUSED.at, "duration_ms": 12, "status_code": 500, "error": "answered_5xx"}
    silent = {"at": SILENT.at, "duration_ms": 15_000, "status_code": None, "error": "timed_out"}
    assert answer.json["attempts"] == [refused, silent]
    assert answer.json["last_attempt"] == silent
    assert "body" not in answer.json
    (listed,) = sent.call("GET", f"{sent.path}/deliveries").json["data"]
    assert listed == {name: value for name, value in answer.json.items() if name != "attempts"}


@pytest.mark.parametrize("status", DeliveryStatus)
def test_a_delivery_is_made_again_whatever_became_of_it(status: DeliveryStatus) -> None:
    sent = Sent()
    delivery = sent.has(status=status, attempts=(REFUSED,), next_attempt_at=None)
    before_ms = now_ms()
    answer = sent.call("POST", f"{sent.path}/deliveries/{delivery.id}/redeliver")
    assert (answer.status, answer.json["status"]) == (202, "pending")
    assert timestamp(before_ms) <= answer.json["next_attempt_at"] <= timestamp(now_ms())
    assert sent.queue.asked == [(sent.webhook_id, delivery.id, 0)]
    stored = sent.deliveries.get(sent.webhook_id, delivery.id, at_ms=now_ms())
    assert (stored.body, stored.attempts) == (delivery.body, (REFUSED,))


def test_a_delivery_that_is_under_way_is_not_made_again_beside_it() -> None:
    sent = Sent()
    delivery = sent.has(claimed_until=timestamp(now_ms() + 60_000))
    answer = sent.call("POST", f"{sent.path}/deliveries/{delivery.id}/redeliver")
    assert (answer.status, answer.json["retryable"], sent.queue.asked) == (409, True, [])


def test_a_disabled_webhook_is_neither_tested_nor_sent_anything_again() -> None:
    sent = Sent()
    delivery = sent.has(status=DeliveryStatus.FAILED)
    sent.call("PATCH", sent.path, {"status": "disabled"})
    for rest in ("/test", f"/deliveries/{delivery.id}/redeliver"):
        answer = sent.call("POST", sent.path + rest)
        assert (answer.status, answer.json["code"]) == (409, "webhook_disabled")
    assert sent.queue.asked == []
    assert list(sent.deliveries.deliveries.values()) == [delivery]
    assert sent.call("GET", f"{sent.path}/deliveries/{delivery.id}").status == 200


@pytest.mark.parametrize("delivery_id", ["evt_x", new_id("job", AT_MS), new_id("evt", AT_MS), "..%2f"])
def test_what_was_not_sent_to_the_webhook_is_a_404(delivery_id: str) -> None:
    sent = Sent()
    for method, rest in (("GET", ""), ("POST", "/redeliver")):
        answer = sent.call(method, f"{sent.path}/deliveries/{delivery_id}{rest}")
        assert (answer.status, answer.json["code"]) == (404, "delivery_not_found")


def test_a_delivery_to_one_webhook_is_not_found_at_another() -> None:
    sent = Sent()
    delivery = sent.has()
    other = replace(delivery, webhook_id=sent.make()["id"])
    for method, rest in (("GET", ""), ("POST", "/redeliver")):
        assert sent.call(method, f"/v1/webhooks/{other.webhook_id}/deliveries/{delivery.id}{rest}").status == 404


def test_what_was_sent_to_a_deleted_webhook_cannot_be_read() -> None:
    sent = Sent()
    delivery = sent.has()
    sent.call("DELETE", sent.path)
    for method, rest in (("GET", ""), ("GET", f"/{delivery.id}"), ("POST", f"/{delivery.id}/redeliver")):
        answer = sent.call(method, f"{sent.path}/deliveries{rest}")
        assert (answer.status, answer.json["code"]) == (404, "webhook_not_found")


class Full(MemoryQueue):
    def send(self, webhook_id: str, delivery_id: str, *, delay_seconds: int = 0) -> None:
        raise QueueUnavailable("sqs.eu-west-1 is down")


def test_a_queue_that_does_not_answer_is_a_503_and_what_was_asked_for_is_still_due() -> None:
    sent = Sent(Full())
    delivery = sent.has(status=DeliveryStatus.FAILED, next_attempt_at=None)
    for rest in ("/test", f"/deliveries/{delivery.id}/redeliver"):
        answer = sent.call("POST", sent.path + rest)
        assert (answer.status, answer.json["retryable"]) == (503, True)
        assert "sqs" not in answer.text
    assert {each.status for each in sent.deliveries.deliveries.values()} == {DeliveryStatus.PENDING}
