"""The admins' routes of webhooks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from promptmill.clock import epoch_ms, now_ms
from promptmill.errors import StoreUnavailable
from promptmill.events.names import EventName
from promptmill.events.webhooks.model import MAX_WEBHOOKS, Webhook
from promptmill.gateway import Action
from promptmill.identity.access import Scope
from promptmill.settings import settings
from tests.support.administration import ABSENT, WEBHOOK_CALLS
from tests.support.webhooks import WEBHOOK_URL
from tests.unit.http.admin import ADMIN
from tests.unit.http.calls import BASE_URL, OPERATOR, OWNER, USER
from tests.unit.http.conftest import LogLines
from tests.unit.http.webhook_admin import ASKED, WebhookAdministration
from tests.unit.webhooks.fakes import MemoryEndpoints
from tests.unit.webhooks.urls import GOOD, HOSTILE

PATH = "/v1/webhooks"


@pytest.mark.parametrize(("method", "path"), WEBHOOK_CALLS)
def test_only_an_admin_who_is_a_person_gets_in(method: str, path: str) -> None:
    administration = WebhookAdministration()
    machine_of_an_admin = replace(ADMIN, key=ABSENT, scopes=frozenset(Scope))
    for caller in (USER, OPERATOR, machine_of_an_admin):
        assert administration.call(method, path, caller=caller).status == 403
    assert administration.call(method, path, caller=None).status == 401
    assert administration.call(method, path).status in {200, 404, 415}


def test_a_new_webhook_is_answered_whole_with_its_secret_and_its_place() -> None:
    administration = WebhookAdministration()
    answer = administration.call("POST", PATH, {**ASKED, "owner": OWNER})
    (webhook,) = administration.endpoints.webhooks.values()
    assert answer.status == 201
    assert answer.json == {
        "id": webhook.id,
        "object": "webhook",
        "url": WEBHOOK_URL,
        "events": ["job.failed", "job.succeeded"],
        "owner": OWNER,
        "status": "enabled",
        "disabled_reason": None,
        "disabled_at": None,
        "failing_since": None,
        "previous_secret_expires_at": None,
        "created_at": webhook.created_at,
        "secret": webhook.secrets[0].value,
    }
    assert answer.headers["location"] == f"{BASE_URL}/v1/webhooks/{webhook.id}"
    assert answer.headers["cache-control"] == "no-store"
    assert abs(epoch_ms(webhook.created_at) - now_ms()) < 5000


def test_a_webhook_without_an_owner_is_everybodys() -> None:
    assert WebhookAdministration().make()["owner"] is None


def test_every_event_can_be_asked_for() -> None:
    assert WebhookAdministration().make(events=list(EventName))["events"] == sorted(EventName)


@pytest.mark.parametrize(
    ("pointer", "fields"),
    [
        ("/url", {"url": None}),
        ("/url", {"url": ""}),
        ("/url", {"url": "http://hooks.example.com/"}),
        ("/url", {"url": "https://user:word@hooks.example.com/"}),  # pragma: allowlist secret
        ("/url", {"url": "https://hooks.example.com:8443/"}),
        ("/url", {"url": "https://localhost:4443/"}),
        ("/url", {"url": "https://10.0.0.1/"}),
        ("/url", {"url": "https://[::1]/"}),
        ("/url", {"url": "https://hooks.example.com/" + "x" * 2048}),
        ("/events", {"events": []}),
        ("/events", {"events": "job.succeeded"}),
        ("/events", {"events": None}),
        ("/events/1", {"events": ["job.succeeded", "job.sold"]}),
        ("/events/0", {"events": ["webhook.test"]}),
        ("/events/0", {"events": ["*"]}),
        ("/owner", {"owner": "ip_7"}),
        ("/owner", {"owner": "everybody"}),
        ("/owner", {"owner": f"usr_{'0' * 32}"}),
        ("/secret", {"secret": "mine"}),
        ("/status", {"status": "disabled"}),
    ],
)
def test_a_webhook_outside_the_rules_is_not_made(pointer: str, fields: dict[str, Any]) -> None:
    administration = WebhookAdministration()
    answer = administration.call("POST", PATH, {**ASKED, **fields})
    assert (answer.status, [error["pointer"] for error in answer.json["errors"]]) == (422, [pointer])
    assert administration.endpoints.webhooks == {}


@pytest.mark.parametrize("url", HOSTILE)
def test_a_webhook_is_neither_made_nor_led_to_where_nothing_may_be_sent(url: str) -> None:
    administration = WebhookAdministration()
    made = administration.make()
    for answer in (
        administration.call("POST", PATH, {**ASKED, "url": url}),
        administration.call("PATCH", f"{PATH}/{made['id']}", {"url": url}),
    ):
        assert (answer.status, [error["pointer"] for error in answer.json["errors"]]) == (422, ["/url"])
    assert [each.url for each in administration.endpoints.webhooks.values()] == [WEBHOOK_URL]


@pytest.mark.parametrize("url", GOOD)
def test_a_webhook_is_made_for_a_url_of_the_public_internet(url: str) -> None:
    assert WebhookAdministration().make(url=url)["url"] == url


@pytest.mark.parametrize("place", ["https://localhost:4443/", "https://127.0.0.1:4443/hook"])
def test_a_stack_with_a_ca_of_its_own_takes_this_machine_too(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert WebhookAdministration().call("POST", PATH, {**ASKED, "url": place}).status == 422
    monkeypatch.setenv("PROMPTMILL_WEBHOOK_LOOPBACK_CA", "/somewhere/ca.pem")
    settings.cache_clear()
    assert WebhookAdministration().make(url=place)["url"] == place


def test_an_owner_has_so_many_webhooks_and_no_more() -> None:
    administration = WebhookAdministration()
    for _ in range(MAX_WEBHOOKS):
        administration.make(owner=OWNER)
    answer = administration.call("POST", PATH, {**ASKED, "owner": OWNER})
    assert (answer.status, answer.json["code"], answer.json["retryable"]) == (409, "too_many_webhooks", False)
    assert len(administration.endpoints.webhooks) == MAX_WEBHOOKS
    administration.make()


@pytest.mark.parametrize(("document", "status"), [(None, 415), ("[]", 400), ("{", 400), ("x" * 600_000, 413)])
def test_what_is_no_body_is_refused(document: str | None, status: int) -> None:
    administration = WebhookAdministration()
    path = f"{PATH}/{administration.make()['id']}"
    assert administration.call("POST", PATH, document).status == status
    assert administration.call("PATCH", path, document).status == status
    assert len(administration.endpoints.webhooks) == 1


def test_the_secret_is_in_the_answer_that_made_it_and_nowhere_else(log: LogLines) -> None:
    administration = WebhookAdministration()
    made = administration.make()
    path = f"{PATH}/{made['id']}"
    rotated = administration.call("POST", f"{path}/rotate").json
    others = [
        administration.call(method, place, body).text
        for method, place, body in (
            ("GET", path, None),
            ("GET", PATH, None),
            ("PATCH", path, {"status": "disabled"}),
            ("PATCH", path, {"status": "enabled"}),
            ("POST", f"{path}/test", None),
        )
    ]
    for secret in (made["secret"], rotated["secret"]):
        for text in (*others, *log.lines):
            assert secret.removeprefix("whsec_") not in text
    assert not any("hooks.example.com" in line for line in log.lines)


def test_the_log_says_which_admin_did_what_to_which_webhook(log: LogLines) -> None:
    administration = WebhookAdministration()
    path = f"{PATH}/{administration.make()['id']}"
    for method, rest, body in (("PATCH", "", {}), ("POST", "/rotate", None), ("POST", "/test", None)):
        administration.call(method, path + rest, body)
    administration.call("DELETE", path)
    assert {(line["admin"], line["webhook_id"]) for line in log.facts} == {(ADMIN.owner, path.rpartition("/")[2])}
    assert len(log.facts) == 5


def test_a_list_has_every_owners_webhooks_newest_first_in_pages() -> None:
    administration = WebhookAdministration()
    ids = sorted((administration.make(owner=owner)["id"] for owner in (OWNER, None, ADMIN.owner)), reverse=True)
    first = administration.call("GET", PATH, query={"limit": ["2"]}).json
    assert ([each["id"] for each in first["data"]], first["has_more"]) == (ids[:2], True)
    second = administration.call("GET", PATH, query={"cursor": [first["next_cursor"]]}).json
    assert [each["id"] for each in second["data"]] == ids[2:]
    assert (second["object"], second["has_more"], second["next_cursor"]) == ("list", False, None)


@pytest.mark.parametrize(
    "query", [{"limit": ["0"]}, {"limit": ["1", "2"]}, {"cursor": ["AAAA"]}, {"cursor": ["é"]}, {"owner": [OWNER]}]
)
def test_a_list_outside_the_rules_is_a_400(query: dict[str, list[str]]) -> None:
    answer = WebhookAdministration().call("GET", PATH, query=query)
    assert (answer.status, answer.json["code"]) == (400, "invalid_parameter")


def test_a_deleted_webhook_is_gone() -> None:
    administration = WebhookAdministration()
    path = f"{PATH}/{administration.make()['id']}"
    answer = administration.call("DELETE", path)
    assert (answer.status, answer.text) == (204, "")
    for method, rest in (("GET", ""), ("DELETE", ""), ("GET", "/deliveries"), ("POST", "/test")):
        assert administration.call(method, path + rest).status == 404


@pytest.mark.parametrize("path", ["whk_x", "job_01JD0000000000000000000000", "..%2f", "whk_01JD000000000000000000000U"])
def test_what_is_no_webhook_is_a_404(path: str) -> None:
    administration = WebhookAdministration()
    delivery = "/deliveries/evt_01JD0000000000000000000000"
    for method, rest in (
        *(("GET", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/test"), ("GET", "/deliveries")),
        *(("GET", delivery), ("POST", f"{delivery}/redeliver")),
    ):
        answer = administration.call(method, f"{PATH}/{path}{rest}")
        assert (answer.status, answer.json["code"]) == (404, "webhook_not_found")
    assert administration.call("PATCH", f"{PATH}/{path}", {}).status == 404


class Down(MemoryEndpoints):
    def add(self, webhook: Webhook, *beside: Action) -> None:
        raise StoreUnavailable


def test_a_webhook_that_could_not_be_stored_is_not_shown() -> None:
    answer = WebhookAdministration(Down()).call("POST", PATH, ASKED)
    assert answer.status == 503
    assert "whsec_" not in answer.text
