"""Users: sign-in at the user pool and at another issuer, their record, GET and PATCH /v1/me."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from local.sign_in import Tokens, sign_in
from local.stack import ROOT, Stack, StackError
from promptmill.http.schemas import Problem
from promptmill.http.user_schemas import User
from promptmill.identity.issuers import user_pool_issuer
from promptmill.identity.users.model import user_id
from tests.support.api import Api, new_address, token_of

SIGN_IN_EVENT = json.loads((ROOT / "events" / "lambda" / "record_sign_in.json").read_text())
_people = itertools.count(1)


def somebody() -> str:
    """The address of a person whom the user pool does not know."""
    return f"person-{os.getpid()}-{next(_people)}@example.com"


def me(stack: Stack, token: str | None, method: str = "GET", **options: Any) -> httpx.Response:
    with Api(stack, new_address(), token=token) as api:
        return api.http.request(method, "/v1/me", **options)


def user_of(stack: Stack, token: str) -> User:
    answer = me(stack, token)
    assert answer.status_code == 200, answer.text
    return User.model_validate_json(answer.text)


def id_of(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return user_id(claims["iss"], claims["sub"])


def record_of(stack: Stack, user: str) -> dict[str, str] | None:
    """The stored attributes of a user, without the keys."""
    key = {"pk": {"S": f"USER#{user}"}, "sk": {"S": "USER"}}
    item = stack.client("dynamodb").get_item(TableName=stack.library_table, Key=key).get("Item")
    return item and {name: value["S"] for name, value in item.items() if name not in key}


def run_trigger(stack: Stack, event: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    """(the error's class, what the function answers) when Cognito calls it, which MiniStack's does not."""
    answer = stack.client("lambda").invoke(FunctionName=stack.record_sign_in_function, Payload=json.dumps(event))
    document: dict[str, Any] = json.loads(answer["Payload"].read())
    return document.get("errorType") if "FunctionError" in answer else None, document


def sign_in_event(stack: Stack, tokens: Tokens) -> dict[str, Any]:
    """Cognito's event of a sign-in that gave these tokens."""
    claims = jwt.decode(tokens.id, options={"verify_signature": False})
    names = ("sub", "email")
    attributes = SIGN_IN_EVENT["request"]["userAttributes"] | {name: claims[name] for name in names}
    return {
        **SIGN_IN_EVENT,
        "userPoolId": stack.user_pool_id,
        "userName": claims["cognito:username"],
        "request": {**SIGN_IN_EVENT["request"], "userAttributes": attributes},
    }


@pytest.fixture(scope="module")
def ada(stack: Stack) -> Tokens:
    return sign_in(stack, "ada@example.com")


def test_a_sign_in_without_a_password_gives_tokens_that_are_one_user(stack: Stack, ada: Tokens) -> None:
    by_access, by_id = user_of(stack, ada.access), user_of(stack, ada.id)
    assert by_access.id == by_id.id == id_of(ada.access)
    assert by_access.created_at == by_id.created_at
    assert by_id.email == "ada@example.com"
    assert (by_id.roles, by_id.plan) == (["user"], "user")


def test_signing_in_again_is_the_same_user(stack: Stack, ada: Tokens) -> None:
    again = sign_in(stack, "ada@example.com")
    assert again.access != ada.access
    assert user_of(stack, again.access).id == user_of(stack, ada.access).id


@pytest.mark.parametrize(
    ("role", "roles"), [("operator", ["user", "operator"]), ("admin", ["user", "operator", "admin"])]
)
@pytest.mark.parametrize("kind", ["access", "id"])
def test_a_group_of_the_user_pool_gives_a_role(stack: Stack, role: str, roles: list[str], kind: str) -> None:
    tokens = sign_in(stack, somebody(), role=role)
    assert user_of(stack, getattr(tokens, kind)).roles == roles


def test_whom_the_user_pool_refuses_gets_no_token(stack: Stack) -> None:
    email = somebody()
    sign_in(stack, email)
    stack.client("cognito-idp").admin_disable_user(UserPoolId=stack.user_pool_id, Username=email)
    with pytest.raises(StackError, match=email):
        sign_in(stack, email)


def test_a_user_of_another_issuer_appears_with_the_first_request(stack: Stack) -> None:
    claims = {"email": "grace@example.com", "email_verified": True}
    token = token_of(stack, "user_grace", **claims)
    assert record_of(stack, id_of(token)) is None
    user = user_of(stack, token)
    record = record_of(stack, user.id)
    assert record is not None
    assert (user.email, record["email"]) == ("grace@example.com",) * 2
    assert (record["issuer"], record["subject"]) == (f"{stack.providers_url}/issuer", "user_grace")
    assert user.display_name is None


def test_an_address_that_nobody_verified_is_not_kept(stack: Stack) -> None:
    token = token_of(stack, "user_mallory", email="grace@example.com", email_verified=False)
    user = user_of(stack, token)
    assert user.email is None
    assert "email" not in (record_of(stack, user.id) or {})


def test_the_same_subject_at_two_issuers_is_two_users(stack: Stack, ada: Tokens) -> None:
    subject = jwt.decode(ada.id, options={"verify_signature": False})["sub"]
    assert user_of(stack, token_of(stack, subject)).id != user_of(stack, ada.id).id


def test_the_trigger_and_then_a_request_make_one_record(stack: Stack) -> None:
    tokens = sign_in(stack, somebody())
    event = sign_in_event(stack, tokens)
    assert run_trigger(stack, event) == (None, event)
    by_trigger = record_of(stack, id_of(tokens.id))
    user = user_of(stack, tokens.id)
    by_request = record_of(stack, user.id)
    assert by_trigger is not None
    assert by_request is not None
    assert by_request == by_trigger | {"seen_at": by_request["seen_at"]}
    assert by_request["issuer"] == user_pool_issuer(stack.region, stack.user_pool_id)
    assert by_request["seen_at"] > by_trigger["seen_at"]


def test_a_request_and_then_the_trigger_make_one_record(stack: Stack) -> None:
    tokens = sign_in(stack, somebody())
    user = user_of(stack, tokens.access)
    assert user.email is None
    by_request = record_of(stack, user.id)
    event = sign_in_event(stack, tokens)
    assert run_trigger(stack, event) == (None, event)
    by_trigger = record_of(stack, user.id)
    assert by_request is not None
    assert by_trigger is not None
    assert by_trigger == by_request | {
        "seen_at": by_trigger["seen_at"],
        "email": event["request"]["userAttributes"]["email"],
    }


def test_who_left_is_refused_by_the_trigger_and_by_the_api(stack: Stack) -> None:
    email = somebody()
    tokens = sign_in(stack, email)
    user = user_of(stack, tokens.access)
    stack.client("dynamodb").update_item(
        TableName=stack.library_table,
        Key={"pk": {"S": f"USER#{user.id}"}, "sk": {"S": "USER"}},
        UpdateExpression="SET deleted_at = :at",
        ExpressionAttributeValues={":at": {"S": "2026-11-21T10:00:00.000Z"}},
    )
    left = record_of(stack, user.id)
    assert run_trigger(stack, sign_in_event(stack, tokens))[0] == "Unauthenticated"
    # The first token is still remembered, the second never was.
    assert me(stack, tokens.access).json()["code"] == "unauthenticated"
    rename = me(stack, tokens.access, "PATCH", json={"display_name": "A ghost"})
    assert (rename.status_code, rename.headers["www-authenticate"]) == (401, 'Bearer realm="promptmill"')
    assert me(stack, sign_in(stack, email).access).status_code == 401
    assert record_of(stack, user.id) == left


def test_a_name_is_kept_through_sign_ins_until_it_is_taken_away(stack: Stack) -> None:
    email = somebody()
    tokens = sign_in(stack, email)
    answer = me(stack, tokens.id, "PATCH", json={"display_name": "  Grace Hopper 🚢 "})
    assert answer.status_code == 200, answer.text
    assert User.model_validate_json(answer.text).display_name == "Grace Hopper 🚢"
    again = sign_in(stack, email)
    run_trigger(stack, sign_in_event(stack, again))
    assert user_of(stack, again.id).display_name == "Grace Hopper 🚢"
    me(stack, again.id, "PATCH", json={"display_name": None}).raise_for_status()
    assert user_of(stack, again.id).display_name is None


JSON = {"content-type": "application/json"}
GARBAGE: list[tuple[str, bytes, dict[str, str], int, str | None]] = [
    ("nothing", b"", JSON, 400, None),
    ("no JSON", b"display_name=x", JSON, 400, None),
    ("a list", b'["x"]', JSON, 400, None),
    ("a form", b"display_name=x", {"content-type": "application/x-www-form-urlencoded"}, 415, None),
    ("1 MB", b'{"display_name": "' + b"a" * 2**20 + b'"}', JSON, 413, None),
    ("no name", b"{}", JSON, 422, "/display_name"),
    ("an empty name", b'{"display_name": ""}', JSON, 422, "/display_name"),
    ("a blank name", b'{"display_name": " \\u00a0 "}', JSON, 422, "/display_name"),
    ("81 characters", json.dumps({"display_name": "a" * 81}).encode(), JSON, 422, "/display_name"),
    ("a line break", b'{"display_name": "a\\nb"}', JSON, 422, "/display_name"),
    ("a null character", b'{"display_name": "a\\u0000b"}', JSON, 422, "/display_name"),
    ("half a surrogate pair", b'{"display_name": "\\ud800"}', JSON, 422, "/display_name"),
    ("a number", b'{"display_name": 7}', JSON, 422, "/display_name"),
    ("a field only the service sets", b'{"display_name": "a", "limits": "{}"}', JSON, 422, "/limits"),
    ("a role", b'{"display_name": "a", "roles": ["admin"]}', JSON, 422, "/roles"),
]


@pytest.fixture(scope="module")
def untouched(stack: Stack) -> str:
    """A token of a user whom only garbage is sent for."""
    token = token_of(stack, "user_untouched")
    user_of(stack, token)
    return token


@pytest.mark.parametrize(("name", "content", "headers", "status", "pointer"), GARBAGE, ids=[row[0] for row in GARBAGE])
def test_garbage_is_a_problem_and_changes_nothing(
    stack: Stack, untouched: str, name: str, content: bytes, headers: dict[str, str], status: int, pointer: str | None
) -> None:
    answer = me(stack, untouched, "PATCH", content=content, headers=headers)
    assert answer.status_code == status, (name, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(answer.text)
    assert [finding.pointer for finding in problem.errors] == ([pointer] if pointer else [])
    record = record_of(stack, id_of(untouched))
    assert record is not None
    assert record.keys() == {"created_at", "seen_at", "issuer", "subject"}


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_who_has_not_signed_in_is_told_to(stack: Stack, method: str) -> None:
    answer = me(stack, None, method, json={"display_name": "Nobody"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_page_may_change_the_user(stack: Stack) -> None:
    headers = {"origin": "http://localhost:5173", "access-control-request-method": "PATCH"}
    answer = httpx.options(f"{stack.api_url}/v1/me", headers=headers)
    assert answer.status_code == 204
    assert "PATCH" in answer.headers["access-control-allow-methods"].split(",")


def test_the_command_prints_a_token_alone_and_the_api_takes_it(stack: Stack) -> None:
    command = [sys.executable, "-m", "local", "sign-in", "--email", somebody(), "--role", "operator"]
    environment = os.environ | {"PROMPTMILL_STACK": stack.folder}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    token = done.stdout.strip()
    assert done.stdout == f"{token}\n"
    assert user_of(stack, token).roles == ["user", "operator"]


def test_the_command_says_when_no_stack_is_running(tmp_path: Path) -> None:
    environment = os.environ | {"PROMPTMILL_STACK": str(tmp_path)}
    command = [sys.executable, "-m", "local", "sign-in"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "make up" in done.stderr
