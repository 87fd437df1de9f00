"""As ``test_lambda_events``, of the functions that users and admins deal with."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from promptmill.clock import epoch_ms
from promptmill.http.admin_routes import admin_api
from promptmill.http.deletion_routes import deletion_api
from promptmill.http.limits_routes import limits_api
from promptmill.http.me_routes import me_api
from promptmill.http.resolver import resolve
from promptmill.http.webhook_admin_routes import webhook_api
from promptmill.identity.access import Role, Scope
from promptmill.identity.authorizer import Authorizer
from promptmill.identity.caller import Caller
from promptmill.identity.tokens import Identity, TokenVerifier
from tests.support.builders import a_job, a_policy, plans_of
from tests.support.functions import handler
from tests.unit.http.test_delete_me import FakeDeletion
from tests.unit.identity.fakes import MemoryApiKeys
from tests.unit.identity.users import MemoryUsers, a_sign_in
from tests.unit.jobs.accounts import MemorySpending
from tests.unit.jobs.erasing import Leaving
from tests.unit.jobs.fakes import (
    MemoryRates,
)
from tests.unit.samples.samples import sample
from tests.unit.webhooks.fakes import MemoryEndpoints


class OneKey:
    """A store of API keys that has one."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def admit(self, secret: str, *, at_ms: int) -> Caller:
        assert secret == self._secret
        return Caller("usr_1", "key", frozenset({Role.USER}), key="key_1", scopes=frozenset(Scope))


class NoUsers:
    def admit(self, identity: Identity, *, at_ms: int) -> Caller:
        raise AssertionError(identity)


def test_authorize_caller_lets_the_key_of_its_event_into_the_stage_of_its_event() -> None:
    event = sample("authorize_caller")
    secret = event["headers"]["authorization"].removeprefix("Bearer ")
    authorizer = Authorizer(TokenVerifier({}, {}, {}), NoUsers(), OneKey(secret))
    said = handler("authorize_caller")(event, None, authorizer=authorizer)
    assert said["context"]["owner"] == "usr_1"
    (statement,) = said["policyDocument"]["Statement"]
    context = event["requestContext"]
    assert statement["Resource"].endswith(f":{context['apiId']}/{context['stage']}/*")


def test_read_limits_answers_the_user_of_its_event() -> None:
    api = limits_api(MemoryRates(), MemorySpending(), lambda: plans_of(a_policy(name="user")))
    answer = resolve(api, sample("read_limits"), None)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["plan"] == "user"


@pytest.mark.parametrize(("name", "display_name"), [("serve_me", None), ("serve_me-rename", "Ada")])
def test_serve_me_answers_for_the_user_of_its_event(name: str, display_name: str | None) -> None:
    event, users = sample(name), MemoryUsers()
    owner = event["requestContext"]["authorizer"]["owner"]
    users.users[owner] = replace(users.record(a_sign_in()), id=owner)
    answer = resolve(me_api(users), event, None)
    assert answer["statusCode"] == 200
    document = json.loads(answer["body"])
    assert (document["id"], document["display_name"]) == (owner, display_name)


def test_record_sign_in_records_the_user_of_its_event() -> None:
    event, users = sample("record_sign_in"), MemoryUsers()
    assert handler("record_sign_in")(sample("record_sign_in"), None, users=users) == event
    assert [user.subject for user in users.users.values()] == [event["request"]["userAttributes"]["sub"]]


def test_delete_user_starts_the_deletion_of_the_caller_of_its_event() -> None:
    event, workflow = sample("delete_user"), FakeDeletion()
    answer = resolve(deletion_api(workflow), event, None)
    assert answer["statusCode"] == 202
    (deleted,) = workflow.started.values()
    assert deleted["metadata"]["owner"] == event["requestContext"]["authorizer"]["owner"]


def test_erase_user_erases_the_user_of_its_event() -> None:
    event, leaving = sample("erase_user"), Leaving()
    job = leaving.has(a_job("succeeded", owner=event["user_id"], due_at=None))
    erase, at_ms = handler("erase_user"), epoch_ms(job.deadline_at)
    assert erase(event, None, eraser=leaving.eraser, at_ms=at_ms) == {"remaining": True}
    assert leaving.jobs == set()
    assert erase(event, None, eraser=leaving.eraser, at_ms=at_ms) == {"remaining": False}


def test_administer_access_makes_the_key_of_its_event() -> None:
    event = sample("administer_access")
    admin = event["requestContext"]["authorizer"]["owner"]
    answer = resolve(admin_api(MemoryApiKeys(admin)), event, None)
    key = json.loads(answer["body"])
    assert (answer["statusCode"], key["owner"], key["scopes"]) == (201, admin, ["jobs:read", "jobs:write"])


def test_administer_webhooks_makes_the_webhook_of_its_event() -> None:
    event = sample("administer_webhooks")
    asked = json.loads(event["body"])
    endpoints = MemoryEndpoints(asked["owner"])
    answer = resolve(webhook_api(endpoints), event, None)
    (webhook,) = endpoints.webhooks.values()
    assert (answer["statusCode"], webhook.url, webhook.owner) == (201, asked["url"], asked["owner"])
    assert webhook.events == frozenset(asked["events"])
