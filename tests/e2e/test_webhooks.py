"""Webhooks over HTTP: an admin makes, changes, rotates, tests and deletes them, and never more than there may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from local.stack import Stack
from promptmill.clock import random_hex
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.events.webhooks.model import MAX_WEBHOOKS
from promptmill.http.webhook_schemas import (
    NewWebhook,
    Webhook,
    WebhookDelivery,
    WebhookDeliveryList,
    WebhookDeliveryLog,
    WebhookList,
)
from tests.support.api import Api, eventually, new_address
from tests.support.credentials import plant_user
from tests.support.webhooks import QUIET, WEBHOOK_URL

PATH = "/v1/webhooks"
AT_ONCE = 30


@pytest.fixture(scope="module")
def admin(stack: Stack) -> Iterator[Api]:
    with Api(stack, new_address(), groups=["admins"]) as api:
        yield api


@pytest.fixture
def owner(stack: Stack) -> str:
    """A user who has no webhooks yet."""
    plant_user(stack, user := f"usr_{random_hex(16)}")
    return user


def post(admin: Api, user: str, **fields: Any) -> httpx.Response:
    return admin.http.post(PATH, json={"url": WEBHOOK_URL, "events": sorted(QUIET), "owner": user, **fields})


def make(admin: Api, owner: str, **fields: Any) -> NewWebhook:
    answer = post(admin, owner, **fields)
    assert answer.status_code == 201, answer.text
    return NewWebhook.model_validate_json(answer.text)


def test_an_admin_makes_a_webhook_and_finds_it_at_its_location_without_the_secret(admin: Api, owner: str) -> None:
    answer = post(admin, owner)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["location"] == f"{admin.stack.api_url}{PATH}/{made['id']}"
    read = admin.http.get(answer.headers["location"])
    assert (read.status_code, {**read.json(), "secret": made["secret"]}) == (200, made)
    Webhook.model_validate_json(read.text)


def test_a_webhook_is_changed_disabled_rotated_and_deleted(admin: Api, owner: str) -> None:
    made = make(admin, owner)
    path = f"{PATH}/{made.id}"
    moved = admin.http.patch(path, json={"url": "https://localhost:1/hook", "events": ["user.deleted"]}).json()
    assert (moved["url"], moved["events"]) == ("https://localhost:1/hook", ["user.deleted"])
    assert admin.http.patch(path, json={"status": "disabled"}).json()["disabled_reason"] == "asked"
    rotated = NewWebhook.model_validate_json(admin.http.post(f"{path}/rotate").text)
    assert rotated.secret != made.secret
    assert rotated.previous_secret_expires_at is not None
    assert admin.http.patch(path, json={"status": "enabled"}).json()["status"] == "enabled"
    assert admin.http.delete(path).status_code == 204
    for method, rest in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries")):
        assert admin.http.request(method, path + rest).status_code == 404


def test_a_webhook_is_on_the_list_of_all(admin: Api, owner: str) -> None:
    made = make(admin, owner)

    def found() -> Webhook | None:
        page = WebhookList.model_validate_json(admin.http.get(PATH, params={"limit": 100}).text)
        return next((each for each in page.data if each.id == made.id), None)

    assert eventually(found).model_dump() == made.model_dump(exclude={"secret"})


def test_a_test_is_attempted_once_and_then_again_when_it_is_asked_for(admin: Api, owner: str) -> None:
    """Nobody listens there, which the record says."""
    path = f"{PATH}/{make(admin, owner, url='https://localhost:1/').id}"
    answer = admin.http.post(f"{path}/test")
    delivery = WebhookDelivery.model_validate_json(answer.text)
    assert (answer.status_code, delivery.event, delivery.status) == (202, "webhook.test", "pending")
    assert answer.headers["location"] == f"{admin.stack.api_url}{path}/deliveries/{delivery.id}"
    log = after_attempts(admin, path, delivery.id, 1)
    assert (log.status, log.next_attempt_at) == ("failed", None)
    failed = admin.http.get(f"{path}/deliveries", params={"status": "failed"}).text
    listed = WebhookDeliveryList.model_validate_json(failed)
    assert [each.model_dump() for each in listed.data] == [log.model_dump(exclude={"attempts"})]
    assert admin.http.post(f"{path}/deliveries/{delivery.id}/redeliver").status_code == 202
    assert after_attempts(admin, path, delivery.id, 2).status == "failed"


def after_attempts(admin: Api, path: str, delivery_id: str, attempts: int) -> WebhookDeliveryLog:
    """The delivery once so many attempts were made."""

    def read() -> WebhookDeliveryLog | None:
        log = WebhookDeliveryLog.model_validate_json(admin.http.get(f"{path}/deliveries/{delivery_id}").text)
        return log if len(log.attempts) == attempts else None

    return eventually(read)


def test_of_thirty_at_once_as_many_are_made_as_there_may_be(admin: Api, owner: str, stack: Stack) -> None:
    """Each asks again while another one is being made."""

    def until_decided(_: int) -> int:
        def answer() -> int | None:
            answered = post(admin, owner)
            return None if answered.status_code == 409 and answered.json()["retryable"] else answered.status_code

        return eventually(answer)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = Counter(pool.map(until_decided, range(AT_ONCE)))
    assert statuses == {201: MAX_WEBHOOKS, 409: AT_ONCE - MAX_WEBHOOKS}
    endpoints = EndpointStore(stack.webhooks_table, stack.client("dynamodb"))
    assert sum(endpoints.get(each).owner == owner for each in endpoints.subscribers(owner)) == MAX_WEBHOOKS


@pytest.mark.parametrize(
    ("pointer", "fields"),
    [
        ("/url", {"url": "http://hooks.example.com/"}),
        ("/url", {"url": "https://169.254.169.254/latest/meta-data/"}),
        ("/url", {"url": "https://hooks.example.com:8443/"}),
        ("/events/0", {"events": ["job.sold"]}),
        ("/owner", {"owner": f"usr_{'0' * 32}"}),
    ],
)
def test_a_webhook_outside_the_rules_is_not_made(
    admin: Api, owner: str, stack: Stack, pointer: str, fields: dict[str, Any]
) -> None:
    answer = post(admin, owner, **fields)
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])
    endpoints = EndpointStore(stack.webhooks_table, stack.client("dynamodb"))
    everybodys = endpoints.subscribers(f"usr_{'1' * 32}")
    for user in (owner, str(fields.get("owner", owner))):
        assert endpoints.subscribers(user).keys() <= everybodys.keys()
