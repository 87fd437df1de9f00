"""The admins' routes that change a webhook, or its secret."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from promptmill.clock import epoch_ms, now_ms, timestamp
from promptmill.errors import RequestInFlight
from promptmill.events.webhooks.model import DisabledReason, Webhook
from tests.unit.http.calls import OWNER
from tests.unit.http.webhook_admin import WebhookAdministration
from tests.unit.webhooks.fakes import MemoryEndpoints

DAY_MS = 86_400_000
PATH = "/v1/webhooks"


def test_a_change_is_of_what_was_sent_and_of_nothing_else() -> None:
    administration = WebhookAdministration()
    made = administration.make()
    made.pop("secret")
    path = f"{PATH}/{made['id']}"
    for sent in ({}, {"url": None, "events": None, "status": None}, {"status": "enabled"}):
        answer = administration.call("PATCH", path, sent)
        assert (answer.status, answer.json) == (200, made)
    change = {"url": "https://other.example.com/", "events": ["user.deleted"]}
    changed = administration.call("PATCH", path, change).json
    assert changed == {**made, **change}
    assert administration.call("GET", path).json == changed


def test_a_webhook_is_disabled_and_enabled_again_without_its_past() -> None:
    administration = WebhookAdministration()
    made = administration.make()
    path = f"{PATH}/{made['id']}"
    off = administration.call("PATCH", path, {"status": "disabled"}).json
    assert (off["status"], off["disabled_reason"]) == ("disabled", "asked")
    assert abs(epoch_ms(off["disabled_at"]) - now_ms()) < 5000
    endpoints = administration.endpoints
    endpoints.note_failure(endpoints.get(made["id"]), at_ms=now_ms(), held_until_ms=None)
    endpoints.webhooks[made["id"]] = replace(endpoints.get(made["id"]), disabled_reason=DisabledReason.FAILING)
    assert administration.call("PATCH", path, {"status": "disabled"}).json["disabled_reason"] == "failing"
    on = administration.call("PATCH", path, {"status": "enabled"}).json
    made.pop("secret")
    assert on == made


@pytest.mark.parametrize(
    ("pointer", "fields"),
    [
        ("/events", {"events": []}),
        ("/events/0", {"events": ["job.sold"]}),
        ("/status", {"status": "gone"}),
        ("/owner", {"owner": OWNER}),
        ("/secret", {"secret": "mine"}),
    ],
)
def test_a_change_outside_the_rules_is_a_422(pointer: str, fields: dict[str, Any]) -> None:
    administration = WebhookAdministration()
    made = administration.make()
    before = dict(administration.endpoints.webhooks)
    answer = administration.call("PATCH", f"{PATH}/{made['id']}", fields)
    assert (answer.status, [error["pointer"] for error in answer.json["errors"]]) == (422, [pointer])
    assert administration.endpoints.webhooks == before


def test_a_rotation_answers_with_the_new_secret_and_until_when_the_old_one_signs_too() -> None:
    administration = WebhookAdministration()
    first = administration.make()
    path = f"{PATH}/{first['id']}"
    answer = administration.call("POST", f"{path}/rotate", {"overlap_seconds": 60})
    second = answer.json
    until = second["previous_secret_expires_at"]
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert abs(epoch_ms(until) - now_ms() - 60_000) < 5000
    assert [each.value for each in administration.endpoints.get(first["id"]).secrets] == [
        second["secret"],
        first["secret"],
    ]
    assert administration.call("GET", path).json["previous_secret_expires_at"] == until


def test_a_rotation_without_a_body_overlaps_by_a_day_and_one_without_an_overlap_not_at_all() -> None:
    administration = WebhookAdministration()
    path = f"{PATH}/{administration.make()['id']}/rotate"
    until = administration.call("POST", path).json["previous_secret_expires_at"]
    assert abs(epoch_ms(until) - now_ms() - DAY_MS) < 5000
    assert administration.call("POST", path, {"overlap_seconds": 0}).json["previous_secret_expires_at"] is None


def test_an_overlap_that_is_over_is_not_shown() -> None:
    administration = WebhookAdministration()
    made = administration.make()
    administration.call("POST", f"{PATH}/{made['id']}/rotate")
    webhook = administration.endpoints.get(made["id"])
    newest, before = webhook.secrets
    past = replace(before, valid_until=timestamp(now_ms() - 1))
    administration.endpoints.webhooks[webhook.id] = replace(webhook, secrets=(newest, past))
    assert administration.call("GET", f"{PATH}/{webhook.id}").json["previous_secret_expires_at"] is None


@pytest.mark.parametrize("overlap", [-1, 604_801, 1.5, "60", None])
def test_an_overlap_outside_the_rules_is_a_422(overlap: Any) -> None:
    administration = WebhookAdministration()
    made = administration.make()
    answer = administration.call("POST", f"{PATH}/{made['id']}/rotate", {"overlap_seconds": overlap})
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/overlap_seconds")
    assert len(administration.endpoints.get(made["id"]).secrets) == 1


class Overtaken(MemoryEndpoints):
    """Whose webhooks another admin changes at the same moment."""

    def change(self, before: Webhook, after: Webhook) -> None:
        raise RequestInFlight

    def rotate(self, before: Webhook, after: Webhook) -> None:
        raise RequestInFlight


@pytest.mark.parametrize(("method", "rest"), [("PATCH", ""), ("POST", "/rotate")])
def test_of_two_changes_at_once_the_later_may_be_tried_again(method: str, rest: str) -> None:
    administration = WebhookAdministration(Overtaken())
    answer = administration.call(method, f"{PATH}/{administration.make()['id']}{rest}", {})
    assert (answer.status, answer.json["retryable"], answer.headers["retry-after"]) == (409, True, "1")
    assert "secret" not in answer.json
