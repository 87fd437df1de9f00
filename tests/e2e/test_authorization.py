"""Who comes in over HTTP, and that who does not is told the same whatever was wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.stack import Stack
from promptmill.errors import Unauthenticated
from promptmill.http.problem import CHALLENGE, problem_of
from promptmill.http.resolver import EXPOSED_HEADERS
from tests.support.api import Api, new_address, token_of

ORIGIN = "http://localhost:5173"
# The two gates: who has not signed in may go through the second.
SIGNED_IN = ("GET", "/v1/jobs")
ANYONE = ("POST", "/v1/jobs")
GATES = pytest.mark.parametrize("gate", [SIGNED_IN, ANYONE], ids=["signed in", "anyone"])
Headers = list[tuple[str, str]]


@pytest.fixture(scope="module")
def http(stack: Stack) -> Iterator[httpx.Client]:
    """Somebody without a token."""
    with Api(stack, new_address(), token=None) as nobody:
        yield nobody.http


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    return token_of(stack, "user_of_the_authorization_tests")


def bearer(token: str) -> tuple[str, str]:
    return "authorization", f"Bearer {token}"


def send(http: httpx.Client, gate: tuple[str, str], headers: Headers) -> httpx.Response:
    method, path = gate
    return http.request(method, path, headers=[*http.headers.multi_items(), *headers])


def assert_is_the_one_refusal(answer: httpx.Response) -> None:
    own = answer.json()
    status, document, _ = problem_of(Unauthenticated(), instance=own["instance"], request_id=own["request_id"])
    assert (answer.status_code, own) == (status, document)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert answer.headers["x-request-id"] == own["request_id"]


def unsigned(token: str) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return f"{header}.{token.split('.')[1]}."


def as_somebody_else(token: str) -> str:
    header, claims, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    other = json.dumps({**said, "sub": "somebody_else", "roles": ["admins"]}).encode()
    return f"{header}.{base64.urlsafe_b64encode(other).rstrip(b'=').decode()}.{signature}"


def test_who_signed_in_is_let_in_and_who_did_not_is_not(http: httpx.Client, token: str) -> None:
    assert send(http, SIGNED_IN, [bearer(token)]).status_code == 200
    assert_is_the_one_refusal(send(http, SIGNED_IN, []))


@GATES
@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_700_000_000},
        {"exp": None},
        {"nbf": 4_000_000_000},
        {"iss": "https://attacker.example"},
        {"azp": "https://attacker.example"},
        {"sid": None},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_a_token_that_says_something_wrong_is_refused(
    stack: Stack, http: httpx.Client, gate: tuple[str, str], claims: dict[str, Any]
) -> None:
    assert_is_the_one_refusal(send(http, gate, [bearer(token_of(stack, "user_1", **claims))]))


@GATES
def test_a_token_that_was_forged_is_refused(http: httpx.Client, gate: tuple[str, str], token: str) -> None:
    for forged in (unsigned(token), as_somebody_else(token), token[:-6], f"{token}x", "pm_live_nobodys"):
        assert_is_the_one_refusal(send(http, gate, [bearer(forged)]))


@GATES
def test_headers_that_leave_it_open_who_is_calling_are_refused(
    http: httpx.Client, gate: tuple[str, str], token: str
) -> None:
    for headers in (
        [bearer(token), bearer("another")],
        [("authorization", f"Bearer {token}, Bearer another")],
        [("authorization", f"Basic {token}")],
        [("authorization", token)],
        [bearer(token), ("x-api-key", "pm_live_nobodys")],
        [bearer("a" * 9000)],
    ):
        assert_is_the_one_refusal(send(http, gate, headers))


def test_what_the_gateway_let_in_from_its_memory_the_function_still_looks_at(http: httpx.Client, token: str) -> None:
    """The gateway remembers by the one header."""
    assert send(http, SIGNED_IN, [bearer(token)]).status_code == 200
    assert_is_the_one_refusal(send(http, SIGNED_IN, [bearer(token), ("x-api-key", "pm_live_nobodys")]))


@pytest.mark.parametrize(
    ("gate", "status"), [(SIGNED_IN, 401), (("GET", "/v1/nowhere"), 404)], ids=["refused", "no such path"]
)
def test_a_frontend_of_ours_may_read_what_the_gateway_answers_itself(
    http: httpx.Client, gate: tuple[str, str], status: int
) -> None:
    answer = send(http, gate, [("origin", ORIGIN)])
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-expose-headers"] == ",".join(EXPOSED_HEADERS)
    assert answer.headers["vary"] == "Origin"


def test_a_preflight_needs_no_token(http: httpx.Client) -> None:
    asked = [("origin", ORIGIN), ("access-control-request-method", "GET")]
    assert send(http, ("OPTIONS", "/v1/jobs"), asked).status_code == 204


@pytest.fixture
def failing_issuer(stack: Stack, http: httpx.Client) -> Iterator[Stack]:
    """The stack while its issuer is down. Somebody came in before, so its keys are known."""
    assert send(http, SIGNED_IN, [bearer(token_of(stack, "user_before_the_outage"))]).status_code == 200
    httpx.post(f"{stack.providers_url}/_issuer", json={"failing": True}).raise_for_status()
    yield stack
    httpx.post(f"{stack.providers_url}/_issuer", json={"failing": False}).raise_for_status()


def test_while_the_issuer_is_down_its_tokens_are_still_good(failing_issuer: Stack, http: httpx.Client) -> None:
    keys = httpx.get(f"{failing_issuer.providers_url}/issuer/.well-known/jwks.json")
    assert keys.status_code == 503
    assert send(http, SIGNED_IN, [bearer(token_of(failing_issuer, "user_in_the_outage"))]).status_code == 200
