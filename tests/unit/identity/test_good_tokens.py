"""Who has a good token comes in, as who the token says: what stands next to the hostile ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from promptmill.errors import IssuerUnavailable
from promptmill.identity.access import Role
from promptmill.identity.key_set import KeySet
from promptmill.identity.tokens import MAX_TOKEN_BYTES, SKEW_SECONDS, TokenVerifier
from tests.unit.identity.issuing import (
    ABSENT,
    ACCESS_CLAIMS,
    CLERK,
    CLERK_CLAIMS,
    COGNITO,
    GROUPS,
    ID_CLAIMS,
    NOW,
    OIDC,
    World,
)

GOOD: dict[str, Callable[[World], str]] = {
    "Clerk, RSA": lambda world: world.clerk(),
    "Clerk, EC": lambda world: world.clerk_es(),
    "Clerk, with an audience": lambda world: world.clerk(aud="whatever"),
    "Clerk, without a type": lambda world: world.clerk({"typ": ABSENT}),
    "Clerk, with spaces in its JSON": lambda world: world.signed(claims=json.dumps(CLERK_CLAIMS, indent=1).encode()),
    "Clerk, with its own key in the header": lambda world: world.clerk({"jku": f"{CLERK.url}/.well-known/jwks.json"}),
    "Cognito, id": lambda world: world.cognito(ID_CLAIMS),
    "Cognito, access": lambda world: world.cognito(ACCESS_CLAIMS),
    "another, audience in words": lambda world: world.oidc(),
    "another, audiences that are all known": lambda world: world.oidc(
        aud=["https://login.example.com/userinfo", "promptmill"]
    ),
    "another, an access token": lambda world: world.oidc({"typ": "at+jwt"}),
    "just not over": lambda world: world.clerk(exp=NOW - SKEW_SECONDS + 1),
    "an end with a fraction": lambda world: world.clerk(exp=NOW - SKEW_SECONDS + 0.5),
    "just begun": lambda world: world.clerk(nbf=NOW + SKEW_SECONDS),
    "just issued": lambda world: world.clerk(iat=NOW + SKEW_SECONDS),
    "without a beginning": lambda world: world.clerk(nbf=ABSENT, iat=ABSENT),
    "as long as one may be": lambda world: world.of_length(MAX_TOKEN_BYTES),
    "a subject as long as one may be": lambda world: world.clerk(sub="u" * 256),
}


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in GOOD.items()])
def test_a_good_token_is_taken(make: Callable[[World], str], world: World, verifier: TokenVerifier) -> None:
    assert Role.USER in verifier.verify(make(world), at_seconds=NOW).roles


def test_an_identity_is_what_the_token_says(world: World, verifier: TokenVerifier) -> None:
    identity = verifier.verify(
        world.cognito(ID_CLAIMS, email="ada@example.com", email_verified=True, **{"cognito:username": "ada"}),
        at_seconds=NOW,
    )
    assert (identity.issuer, identity.subject, identity.expires_at) == (COGNITO.url, "2f6c", NOW + 600)
    assert (identity.email, identity.username) == ("ada@example.com", "ada")
    assert identity.roles == {Role.USER}


@pytest.mark.parametrize(
    ("verified", "expected"),
    [(True, "ada@example.com"), ("true", "ada@example.com"), (False, None), ("false", None), (ABSENT, None)],
)
def test_an_email_counts_once_the_issuer_has_verified_it(
    verified: object, expected: str | None, world: World, verifier: TokenVerifier
) -> None:
    token = world.cognito(ID_CLAIMS, email="ada@example.com", email_verified=verified)
    assert verifier.verify(token, at_seconds=NOW).email == expected


@pytest.mark.parametrize("email", ["", 1, ["ada@example.com"], "ada\ud800@example.com", "a" * 300], ids=repr)
def test_an_email_that_cannot_be_one_is_left_out(email: object, world: World, verifier: TokenVerifier) -> None:
    token = world.cognito(ID_CLAIMS, email=email, email_verified=True)
    assert verifier.verify(token, at_seconds=NOW).email is None


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (["operators"], {Role.USER, Role.OPERATOR}),
        ("operators", {Role.USER, Role.OPERATOR}),
        (["admins"], {Role.USER, Role.OPERATOR, Role.ADMIN}),
        (["others"], {Role.USER}),
        ([["operators"], {"operators": 1}, None, 1], {Role.USER}),
        ({"operators": True}, {Role.USER}),
        ("operators admins", {Role.USER}),
        (None, {Role.USER}),
        (ABSENT, {Role.USER}),
    ],
    ids=repr,
)
def test_groups_give_roles(groups: Any, expected: set[Role], world: World, verifier: TokenVerifier) -> None:
    assert verifier.verify(world.clerk(roles=groups), at_seconds=NOW).roles == expected


def test_a_group_counts_in_the_issuers_own_claim_only(world: World, verifier: TokenVerifier) -> None:
    token = world.cognito(ID_CLAIMS, roles=["admins"], groups=["admins"])
    assert verifier.verify(token, at_seconds=NOW).roles == {Role.USER}
    token = world.cognito(ID_CLAIMS, **{"cognito:groups": ["admins"]})
    assert Role.ADMIN in verifier.verify(token, at_seconds=NOW).roles


def test_a_person_is_the_same_user_with_every_token_and_nobody_elses(world: World, verifier: TokenVerifier) -> None:
    def user(token: str) -> str:
        return verifier.verify(token, at_seconds=NOW).user_id

    assert user(world.cognito(ID_CLAIMS)) == user(world.cognito(ACCESS_CLAIMS, exp=NOW + 60))
    others = {user(world.clerk(sub="x")), user(world.oidc(sub="x")), user(world.cognito(ID_CLAIMS, sub="x"))}
    assert len({*others, user(world.clerk(sub="y"))}) == 4


def test_who_someone_is_appears_in_no_log_by_accident(world: World, verifier: TokenVerifier) -> None:
    token = world.cognito(ID_CLAIMS, email="ada@example.com", email_verified=True, username="ada")
    assert "ada" not in repr(verifier.verify(token, at_seconds=NOW))


def test_a_token_of_an_issuer_that_never_answered_is_not_refused_but_undecided(world: World) -> None:
    def fails(_: str) -> bytes:
        raise IssuerUnavailable

    verifier = TokenVerifier({CLERK.url: CLERK}, {CLERK.url: KeySet(CLERK.keys_url, fails)}, GROUPS)
    for _ in range(2):
        with pytest.raises(IssuerUnavailable):
            verifier.verify(world.clerk(), at_seconds=NOW)


def test_only_an_issuer_that_is_known_is_asked_for_keys(world: World) -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        raise IssuerUnavailable

    verifier = TokenVerifier({OIDC.url: OIDC}, {OIDC.url: KeySet(OIDC.keys_url, fetch)}, GROUPS)
    with pytest.raises(IssuerUnavailable):
        verifier.verify(world.oidc({"jku": "https://attacker.example/jwks.json"}), at_seconds=NOW)
    assert asked == ["https://login.example.com/.well-known/jwks.json"]
