"""GET and PATCH /v1/me."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from promptmill.errors import StoreUnavailable
from promptmill.http.me_routes import me_api
from promptmill.http.resolver import resolve
from promptmill.identity.access import Role, Scope
from promptmill.identity.caller import Caller
from tests.support.builders import AT
from tests.unit.http.calls import Reply, an_event, reply
from tests.unit.http.conftest import LogLines
from tests.unit.http.test_openapi_answers import holds
from tests.unit.identity.users import MemoryUsers, a_sign_in

ADA = Caller(owner=a_sign_in("ada").user_id, plan="user", roles=frozenset({Role.USER}))
KEY = replace(ADA, plan="key", key="key_1", scopes=frozenset(Scope))


@pytest.fixture
def users() -> MemoryUsers:
    """Ada and Grace, who have signed in."""
    known = MemoryUsers()
    for subject in ("ada", "grace"):
        known.record(a_sign_in(subject))
    return known


def read(users: MemoryUsers, caller: Caller | None = ADA) -> Reply:
    return reply(resolve(me_api(users), an_event("GET", "/v1/me", caller=caller), None))


def change(
    users: MemoryUsers, document: Any, *, caller: Caller | None = ADA, content_type: str = "application/json"
) -> Reply:
    headers = {"Content-Type": content_type}
    event = an_event("PATCH", "/v1/me", body=json.dumps(document), headers=headers, caller=caller)
    return reply(resolve(me_api(users), event, None))


def test_a_user_reads_their_own_record(users: MemoryUsers) -> None:
    answer = read(users)
    assert answer.status == 200
    assert answer.json == {
        "id": ADA.owner,
        "object": "user",
        "email": "ada@example.com",
        "display_name": None,
        "roles": ["user"],
        "plan": "user",
        "created_at": AT,
        "seen_at": AT,
    }
    assert answer.headers["cache-control"] == "private, no-cache"


def test_the_roles_are_those_of_the_token_the_least_first(users: MemoryUsers) -> None:
    assert read(users, replace(ADA, roles=frozenset(Role))).json["roles"] == ["user", "operator", "admin"]


def test_a_user_is_called_what_they_say_until_they_take_it_back(users: MemoryUsers) -> None:
    assert change(users, {"display_name": " Ada Lovelace "}).json["display_name"] == "Ada Lovelace"
    assert read(users).json["display_name"] == "Ada Lovelace"
    assert change(users, {"display_name": None}).json["display_name"] is None
    assert read(users).json["display_name"] is None


def test_nobody_elses_name_changes(users: MemoryUsers) -> None:
    change(users, {"display_name": "Ada"})
    assert users.get(a_sign_in("grace").user_id).display_name is None


@pytest.mark.parametrize("name", ["A", "a" * 80, "Grace 🚢", "أدا", "👩\u200d🔬"])
def test_a_name_is_any_line_of_1_to_80_characters(users: MemoryUsers, name: str) -> None:
    assert change(users, {"display_name": name}).json["display_name"] == name


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({}, "/display_name"),
        *(({"display_name": name}, "/display_name") for name in ("", "  ", "a" * 81, 7, True, ["Ada"], {"a": 1})),
        *(({"display_name": f"a{mark}b"}, "/display_name") for mark in "\n\r\t\0\x7f\x85\u2028\u2029\ud800"),
        ({"display_name": "Ada", "email": "root@example.com"}, "/email"),
        ({"display_name": "Ada", "deleted_at": None}, "/deleted_at"),
    ],
)
def test_what_is_no_name_is_refused_with_its_place_and_changes_nothing(
    users: MemoryUsers, document: dict[str, Any], pointer: str
) -> None:
    answer = change(users, document)
    assert (answer.status, answer.json["code"]) == (422, "invalid_input")
    assert [finding["pointer"] for finding in answer.json["errors"]] == [pointer]
    assert users.get(ADA.owner).display_name is None


@pytest.mark.parametrize("call", [read, lambda users, caller: change(users, {"display_name": "Ada"}, caller=caller)])
class TestWhoMayNot:
    def test_an_api_key_is_no_person_whatever_it_may_do(self, users: MemoryUsers, call: Any) -> None:
        answer = call(users, KEY)
        assert (answer.status, answer.json["code"]) == (403, "forbidden")
        assert users.get(ADA.owner).display_name is None

    def test_nobody_is_told_to_sign_in(self, users: MemoryUsers, call: Any) -> None:
        answer = call(users, None)
        assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
        assert "www-authenticate" in answer.headers

    def test_a_user_who_left_while_their_token_was_remembered_is_told_to_sign_in(
        self, users: MemoryUsers, call: Any
    ) -> None:
        users.left.add(ADA.owner)
        assert call(users, ADA).status == 401

    def test_a_user_whose_record_is_gone_is_told_to_sign_in_which_makes_it_again(
        self, users: MemoryUsers, call: Any
    ) -> None:
        del users.users[ADA.owner]
        assert call(users, ADA).status == 401
        assert ADA.owner not in users.users
        users.record(a_sign_in("ada"))
        assert call(users, ADA).status == 200

    def test_a_store_that_does_not_answer_is_a_503(self, users: MemoryUsers, call: Any) -> None:
        answer = call(MemoryUsers(StoreUnavailable()), ADA)
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")


@pytest.mark.parametrize("method", ["get", "patch"])
def test_what_comes_of_it_is_as_documented(document: dict[str, Any], users: MemoryUsers, method: str) -> None:
    def call(store: MemoryUsers, caller: Caller | None = ADA) -> Reply:
        return read(store, caller) if method == "get" else change(store, {"display_name": "Ada"}, caller=caller)

    answers = [call(users), call(users, None), call(users, KEY), call(MemoryUsers(StoreUnavailable()))]
    assert [answer.status for answer in answers] == [200, 401, 403, 503]
    for answer in answers:
        holds(document, (method, "/v1/me"), answer)


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        (400, [], "application/json"),
        (413, "x" * 600_000, "application/json"),
        (415, {}, "text/plain"),
        (422, {}, "application/json"),
    ],
)
def test_a_refused_body_is_as_documented(
    document: dict[str, Any], users: MemoryUsers, status: int, body: Any, content_type: str
) -> None:
    answer = change(users, body, content_type=content_type)
    assert answer.status == status
    holds(document, ("patch", "/v1/me"), answer)


def test_neither_name_nor_address_is_in_the_log(users: MemoryUsers, log: LogLines) -> None:
    change(users, {"display_name": "Ada Lovelace"})
    change(users, {"display_name": "Ada\nLovelace"})
    assert len(log.facts) == 2
    assert not any(word in line for line in log.lines for word in ("Lovelace", "example.com"))
