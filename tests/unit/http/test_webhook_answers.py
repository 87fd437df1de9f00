"""What the routes of webhooks answer is what the OpenAPI document says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptmill.clock import now_ms, timestamp
from promptmill.events.webhooks.model import MAX_WEBHOOKS, DisabledReason
from tests.unit.http.admin import ADMIN
from tests.unit.http.calls import OPERATOR, OWNER
from tests.unit.http.test_delivery_routes import REFUSED, Full, Sent
from tests.unit.http.test_openapi_answers import holds
from tests.unit.http.test_webhook_changes import Overtaken
from tests.unit.http.webhook_admin import ASKED, WebhookAdministration

if TYPE_CHECKING:
    from promptmill.identity.caller import Caller

LIST, ONE = "/v1/webhooks", "/v1/webhooks/{webhook_id}"
DELIVERIES = f"{ONE}/deliveries"
DELIVERY = f"{DELIVERIES}/{{delivery_id}}"


@pytest.mark.parametrize(
    ("status", "body", "caller"),
    [
        (201, ASKED, ADMIN),
        (400, [], ADMIN),
        (401, {}, None),
        (403, {}, OPERATOR),
        (413, "x" * 600_000, ADMIN),
        (415, None, ADMIN),
        (422, {**ASKED, "url": "https://10.0.0.1/"}, ADMIN),
        (422, {**ASKED, "owner": f"usr_{'0' * 32}"}, ADMIN),
    ],
)
def test_what_comes_of_making_a_webhook_is_as_documented(
    document: dict[str, Any], status: int, body: Any, caller: Caller | None
) -> None:
    answer = WebhookAdministration().call("POST", LIST, body, caller=caller)
    assert answer.status == status
    holds(document, ("post", LIST), answer)


def test_one_webhook_too_many_is_answered_as_documented(document: dict[str, Any]) -> None:
    administration = WebhookAdministration()
    for _ in range(MAX_WEBHOOKS):
        administration.make()
    holds(document, ("post", LIST), administration.call("POST", LIST, ASKED))


@pytest.mark.parametrize("reason", [None, *DisabledReason])
def test_a_webhook_in_every_state_is_as_documented(document: dict[str, Any], reason: DisabledReason | None) -> None:
    administration = WebhookAdministration()
    made = administration.make(owner=OWNER)
    path, endpoints = f"{LIST}/{made['id']}", administration.endpoints
    if reason is not None:
        endpoints.note_failure(endpoints.get(made["id"]), at_ms=now_ms(), held_until_ms=None)
        assert endpoints.disable(endpoints.get(made["id"]), reason, at_ms=now_ms())
    holds(document, ("post", f"{ONE}/rotate"), administration.call("POST", f"{path}/rotate"))
    read = administration.call("GET", path)
    assert read.json["disabled_reason"] == reason
    holds(document, ("get", ONE), read)
    holds(document, ("get", LIST), administration.call("GET", LIST))
    holds(document, ("patch", ONE), administration.call("PATCH", path, {"events": ["user.deleted"]}))
    tested = administration.call("POST", f"{path}/test")
    assert tested.status == (202 if reason is None else 409)
    holds(document, ("post", f"{ONE}/test"), tested)


def test_a_webhook_nobody_made_is_answered_as_documented(document: dict[str, Any]) -> None:
    administration = WebhookAdministration()
    path = f"{LIST}/whk_x"
    for method, rest in (("get", ""), ("delete", ""), ("post", "/rotate"), ("post", "/test"), ("get", "/deliveries")):
        holds(document, (method, ONE + rest), administration.call(method.upper(), path + rest))
    holds(document, ("patch", ONE), administration.call("PATCH", path, {}))
    for method, rest in (("get", ""), ("post", "/redeliver")):
        holds(
            document, (method, DELIVERY + rest), administration.call(method.upper(), f"{path}/deliveries/evt_x{rest}")
        )


def test_what_somebody_else_changes_too_is_answered_as_documented(document: dict[str, Any]) -> None:
    administration = WebhookAdministration(Overtaken())
    path = f"{LIST}/{administration.make()['id']}"
    holds(document, ("patch", ONE), administration.call("PATCH", path, {}))
    holds(document, ("post", f"{ONE}/rotate"), administration.call("POST", f"{path}/rotate", {}))


def test_deliveries_are_listed_read_and_made_again_as_documented(document: dict[str, Any]) -> None:
    sent = Sent()
    delivery = sent.has(attempts=(REFUSED,))
    path = f"{sent.path}/deliveries"
    holds(document, ("get", DELIVERIES), sent.call("GET", path))
    holds(document, ("get", DELIVERIES), sent.call("GET", path, query={"status": ["gone"]}))
    holds(document, ("get", DELIVERY), sent.call("GET", f"{path}/{delivery.id}"))
    again = f"{path}/{delivery.id}/redeliver"
    holds(document, ("post", f"{DELIVERY}/redeliver"), sent.call("POST", again))
    under_way = sent.has(claimed_until=timestamp(now_ms() + 60_000))
    holds(document, ("post", f"{DELIVERY}/redeliver"), sent.call("POST", f"{path}/{under_way.id}/redeliver"))


def test_a_queue_that_does_not_answer_is_answered_as_documented(document: dict[str, Any]) -> None:
    sent = Sent(Full())
    holds(document, ("post", f"{ONE}/test"), sent.call("POST", f"{sent.path}/test"))
