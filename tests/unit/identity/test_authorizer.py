"""Whom the authorizer lets in, for how long without asking again, and what API Gateway is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from promptmill.errors import IssuerUnavailable, StoreUnavailable, Unauthenticated
from promptmill.identity.access import Role, Scope
from promptmill.identity.authorizer import KEEP_MS, MAX_KEPT, Authorizer, answer
from promptmill.identity.caller import Caller, caller_of
from promptmill.identity.tokens import Identity, TokenVerifier
from tests.support.functions import handler
from tests.unit.identity.issuing import NOW, World

METHOD_ARN = "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/prod/GET/v1/jobs/job_1"
KEY = "pm_live_secret"
KEY_CALLER = Caller(
    "usr_1", "key", frozenset({Role.USER}), key="key_1", scopes=frozenset({Scope.READ}), limits='{"a":1}'
)


@dataclass
class Admissions:
    """Stores of users and keys that count what they are asked; ``error`` is what they raise instead."""

    asked: list[str] = field(default_factory=list)
    error: Exception | None = None


@dataclass
class Users(Admissions):
    def admit(self, identity: Identity, *, at_ms: int) -> Caller:
        self.asked.append(identity.subject)
        if self.error:
            raise self.error
        return Caller(identity.user_id, "user", identity.roles)


@dataclass
class Keys(Admissions):
    def admit(self, secret: str, *, at_ms: int) -> Caller:
        self.asked.append(secret)
        if self.error or not secret.startswith(KEY):
            raise self.error or Unauthenticated
        return KEY_CALLER


@dataclass
class Door:
    """The authorizer with its clock."""

    tokens: TokenVerifier
    users: Users = field(default_factory=Users)
    keys: Keys = field(default_factory=Keys)
    now_ms: int = NOW * 1000

    def __post_init__(self) -> None:
        self.authorizer = Authorizer(self.tokens, self.users, self.keys, clock=lambda: self.now_ms)

    def opens(self, credential: str | None) -> Caller | None:
        return self.authorizer.caller(an_event(credential))


def an_event(credential: str | None) -> dict[str, Any]:
    headers = {"Authorization": [f"Bearer {credential}"]} if credential else {}
    return {"type": "REQUEST", "methodArn": METHOD_ARN, "multiValueHeaders": headers}


@pytest.fixture
def door(verifier: TokenVerifier) -> Door:
    return Door(verifier)


def test_a_token_is_its_user_and_a_key_is_its_owner(door: Door, world: World) -> None:
    user = door.opens(world.clerk(roles=["operators"]))
    assert user is not None
    assert (user.plan, user.roles) == ("user", frozenset({Role.USER, Role.OPERATOR}))
    assert door.opens(KEY) == KEY_CALLER


@pytest.mark.parametrize("headers", [{}, None])
def test_who_sends_nothing_is_nobody(door: Door, headers: dict[str, Any] | None) -> None:
    assert door.authorizer.caller({"multiValueHeaders": headers, "methodArn": METHOD_ARN}) is None


def test_a_caller_is_remembered_for_a_minute(door: Door, world: World) -> None:
    token = world.clerk()
    for passed in (0, KEEP_MS - 1, KEEP_MS):
        door.now_ms = NOW * 1000 + passed
        door.opens(token)
        door.opens(KEY)
    assert (door.users.asked, door.keys.asked) == (["user_1"] * 2, [KEY] * 2)


def test_a_caller_is_not_remembered_past_the_end_of_the_token(door: Door, world: World) -> None:
    token = world.clerk(exp=NOW + 5)
    door.opens(token)
    door.now_ms = (NOW + 5) * 1000 - 1
    door.opens(token)
    assert len(door.users.asked) == 1
    door.now_ms += 1
    door.opens(token)
    assert len(door.users.asked) == 2
    door.now_ms = (NOW + 35) * 1000
    with pytest.raises(Unauthenticated):
        door.opens(token)


def test_another_token_of_the_same_person_is_asked_about(door: Door, world: World) -> None:
    door.opens(world.clerk(jti="1"))
    door.opens(world.clerk(jti="2"))
    assert len(door.users.asked) == 2


def test_a_refusal_is_not_remembered(door: Door, world: World) -> None:
    token = world.clerk()
    door.users.error = Unauthenticated()
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            door.opens(token)
    door.users.error = None
    assert door.opens(token) is not None


def test_the_memory_is_bounded_and_forgets_the_oldest(door: Door) -> None:
    for number in range(MAX_KEPT + 1):
        door.opens(f"{KEY}{number}")
    door.keys.asked.clear()
    door.opens(f"{KEY}1")
    assert door.keys.asked == []
    door.opens(f"{KEY}0")
    assert door.keys.asked == [f"{KEY}0"]
    assert len(door.authorizer._admitted) == MAX_KEPT


def test_no_credential_stays_in_memory(door: Door) -> None:
    door.opens(KEY)
    assert KEY not in repr(door.authorizer._admitted)


@pytest.mark.parametrize(
    "caller", [KEY_CALLER, Caller("usr_1", "user", frozenset(Role)), None], ids=["key", "user", "nobody"]
)
def test_the_answer_lets_the_caller_into_every_method_of_the_one_stage(caller: Caller | None) -> None:
    """The gateway keeps the answer for whichever method the caller asks for next."""
    (statement,) = answer(caller, METHOD_ARN)["policyDocument"]["Statement"]
    assert statement == {
        "Action": "execute-api:Invoke",
        "Effect": "Allow",
        "Resource": "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/prod/*",
    }


def test_a_path_cannot_widen_the_answer() -> None:
    arn = METHOD_ARN.replace("v1/jobs/job_1", "v1/../*/prod/*")
    (statement,) = answer(None, arn)["policyDocument"]["Statement"]
    assert statement["Resource"].endswith(":abcdef1234/prod/*")


@pytest.mark.parametrize("caller", [KEY_CALLER, Caller("usr_1", "user", frozenset(Role))])
def test_the_functions_read_from_the_context_who_the_authorizer_said(caller: Caller) -> None:
    said = answer(caller, METHOD_ARN)
    assert all(isinstance(value, str) for value in said["context"].values())
    context = {"authorizer": {"principalId": said["principalId"], **said["context"]}}
    assert caller_of({"requestContext": context}, salt="salt") == caller


def test_the_function_answers_a_policy(door: Door, world: World) -> None:
    said = handler("authorize_caller")(an_event(world.clerk()), None, authorizer=door.authorizer)
    assert said["principalId"].startswith("usr_")
    assert handler("authorize_caller")(an_event(None), None, authorizer=door.authorizer)["principalId"] == "anonymous"


@pytest.mark.parametrize("credential", ["nonsense", "pm_live_unknown"])
def test_the_function_refuses_with_the_one_word_the_gateway_knows(door: Door, credential: str) -> None:
    """Any other message is a fault, which the gateway answers with 500."""
    door.keys.error = Unauthenticated("with a reason")
    with pytest.raises(Exception, match=r"^Unauthorized$") as refused:
        handler("authorize_caller")(an_event(credential), None, authorizer=door.authorizer)
    assert type(refused.value) is Exception
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("error", [StoreUnavailable("the table is down"), IssuerUnavailable()], ids=["store", "issuer"])
def test_who_could_not_be_checked_is_not_told_to_sign_in(door: Door, world: World, error: Exception) -> None:
    door.users.error = error
    with pytest.raises(type(error)):
        handler("authorize_caller")(an_event(world.clerk()), None, authorizer=door.authorizer)
