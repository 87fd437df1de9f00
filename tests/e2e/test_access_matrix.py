"""Every operation of the OpenAPI document, called by everybody who may and by everybody who may not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

from promptmill.clock import random_hex
from promptmill.http.schemas import Problem
from promptmill.identity.access import ROUTES, Gate, Role, Scope
from tests.support.api import new_address, token_of
from tests.support.credentials import LONG_AGO, a_key, owner_of
from tests.support.recipes import NEVER_EXISTED, RECIPES, ROUTES_BY_OPERATION, job

if TYPE_CHECKING:
    from local.stack import Stack
    from tests.support.recipes import Ids

CHANGING = {"date", "x-request-id", "x-amzn-requestid", "x-amz-request-id"}
CANARY = f"canary-{random_hex(8)}"
ABOVE_USERS = {Role.OPERATOR, Role.ADMIN}


@dataclass(frozen=True)
class Cast:
    """The owner of what is asked for, and the credentials of everybody, None for nobody's."""

    owner: str
    tokens: dict[str, str | None]


@pytest.fixture(scope="module")
def cast(stack: Stack) -> Cast:
    me = token_of(stack, f"owner-{random_hex(8)}")
    owner = owner_of(me)
    job("succeeded")(stack, owner, CANARY)
    return Cast(
        owner,
        {
            "anonymous": None,
            "other user": token_of(stack, f"other-{random_hex(8)}"),
            "key without scope jobs:read": a_key(stack, owner, set(Scope) - {Scope.READ}),
            "key without scope jobs:write": a_key(stack, owner, set(Scope) - {Scope.WRITE}),
            "key": a_key(stack, owner, Scope),
            "expired key": a_key(stack, owner, Scope, expires_at=LONG_AGO),
            "user": me,
            "operator": token_of(stack, f"operator-{random_hex(8)}", roles=["operators"]),
            "admin": token_of(stack, f"admin-{random_hex(8)}", roles=["admins"]),
        },
    )


@pytest.fixture(scope="module")
def http(stack: Stack) -> Iterator[httpx.Client]:
    """Requests from an address of their own, so that nobody's limits are another's."""
    with httpx.Client(base_url=stack.api_url, headers={"x-forwarded-for": new_address()}, timeout=40) as client:
        yield client


def credential(stack: Stack, cast: Cast, operation: str, who: str) -> str | None:
    """Somebody's; for an operation after which they are gone, of somebody like them."""
    if RECIPES[operation].parts_with_caller and who in {"user", "other user"}:
        return token_of(stack, f"leaving-{random_hex(8)}")
    return cast.tokens[who]


def call(http: httpx.Client, operation: str, token: str | None, ids: Ids) -> httpx.Response:
    recipe, (method, path) = RECIPES[operation], ROUTES_BY_OPERATION[operation]
    headers = {"idempotency-key": random_hex(8)} if method == "POST" else {}
    if token:
        headers["authorization"] = f"Bearer {token}"
    return http.request(method, path.format(**ids), params=recipe.query_for(ids), json=recipe.body, headers=headers)


def strangers(operation: str) -> dict[str, int]:
    """Everybody who must not get at what the owner has, with the status they get, by what the operation declares."""
    access, recipe = ROUTES[operation], RECIPES[operation]
    if access.gate is Gate.NONE:
        return dict.fromkeys(("anonymous", "other user", "expired key"), recipe.answers)
    not_theirs = 404 if recipe.names_an_object else recipe.answers
    found = {
        "anonymous": not_theirs if access.role is None else 401,
        "other user": 403 if access.role in ABOVE_USERS else not_theirs,
        "expired key": 401,
    }
    found["key" if access.scope is None else f"key without scope {access.scope}"] = 403
    if access.role in ABOVE_USERS:
        found["user"] = 403
    if access.role is Role.ADMIN:
        found["operator"] = 403
    return found


def who_may(operation: str) -> list[str]:
    access = ROUTES[operation]
    person = {Role.OPERATOR: "operator", Role.ADMIN: "admin"}.get(access.role or Role.USER, "user")
    return [person, *(["key"] if access.scope else [])]


def test_every_operation_has_a_request_and_every_request_an_operation() -> None:
    assert RECIPES.keys() == ROUTES_BY_OPERATION.keys() == ROUTES.keys()


@pytest.mark.parametrize(
    ("operation", "who", "status"),
    [(name, who, status) for name in RECIPES for who, status in strangers(name).items()],
)
def test_who_may_not_gets_what_the_operation_declares_and_nothing_of_the_owners(
    stack: Stack, cast: Cast, http: httpx.Client, operation: str, who: str, status: int
) -> None:
    ids = RECIPES[operation].plant(stack, cast.owner, CANARY)
    answer = call(http, operation, credential(stack, cast, operation, who), ids)
    assert answer.status_code == status, answer.text
    assert CANARY not in answer.text
    assert CANARY not in str(answer.headers)
    if status >= 400:
        problem = Problem.model_validate_json(answer.text)
        assert (problem.status, problem.retryable) == (status, False)
    assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(("operation", "who"), [(name, who) for name in RECIPES for who in who_may(name)])
def test_who_may_gets_it(stack: Stack, cast: Cast, http: httpx.Client, operation: str, who: str) -> None:
    ids = RECIPES[operation].plant(stack, cast.owner, CANARY)
    answer = call(http, operation, credential(stack, cast, operation, who), ids)
    assert answer.status_code == RECIPES[operation].answers, answer.text


@pytest.mark.parametrize("operation", ["readJob", "followJob", "listJobs"])
def test_what_others_must_not_see_is_in_what_the_owner_sees(
    stack: Stack, cast: Cast, http: httpx.Client, operation: str
) -> None:
    """Or the test that nobody else does could not fail."""
    ids = RECIPES[operation].plant(stack, cast.owner, CANARY)
    seen = call(http, operation, cast.tokens["user"], ids).text
    assert seen.count(CANARY) >= len(("prompt", "metadata", "result"))


def comparable(answer: httpx.Response, ids: Ids) -> tuple[int, str, dict[str, str]]:
    """An answer without its ids and its time, which AWS's and MiniStack's gateways name differently."""
    text = answer.text
    for value in ids.values():
        text = text.replace(value, "ID")
    text = re.sub(r'"request_id":"[^"]*"', "", text)
    headers = {name: value for name, value in answer.headers.items() if name not in CHANGING}
    return answer.status_code, text, headers


@pytest.mark.parametrize(
    ("operation", "who"),
    [(name, who) for name in RECIPES for who, status in strangers(name).items() if RECIPES[name].names_an_object],
)
def test_what_is_anothers_answers_exactly_as_what_never_existed(
    stack: Stack, cast: Cast, http: httpx.Client, operation: str, who: str
) -> None:
    ids = RECIPES[operation].plant(stack, cast.owner, CANARY)
    never = {name: NEVER_EXISTED[name] for name in ids}
    theirs, nobodys = (call(http, operation, cast.tokens[who], each) for each in (ids, never))
    assert comparable(theirs, ids) == comparable(nobodys, never)
    assert theirs.status_code in {401, 403, 404}


def test_a_key_in_another_header_or_two_of_them_are_not_taken(cast: Cast, http: httpx.Client) -> None:
    good = str(cast.tokens["key"])
    for headers in ([("x-api-key", good)], [("authorization", f"Bearer {good}"), ("x-api-key", good)]):
        assert http.get("/v1/jobs", headers=headers).status_code == 401
