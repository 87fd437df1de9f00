"""Which issuers a deployment trusts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from promptmill.errors import BrokenContractError
from promptmill.identity.access import Role
from promptmill.identity.default import configured_groups, configured_issuers
from promptmill.identity.issuers import Issuer, IssuerKind
from promptmill.settings import settings, variable_name

ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/pool"
KEYS = f"{ISSUER}/.well-known/jwks.json"
POOL = {"user_pool_issuer": ISSUER, "user_pool_jwks_url": KEYS, "user_pool_clients": "client-1"}


Configure = Callable[..., None]
Issuers = Callable[..., dict[IssuerKind, Issuer]]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    def configure(**configured: str | None) -> None:
        for name, value in configured.items():
            monkeypatch.setenv(variable_name(name), value or "")
        settings.cache_clear()

    yield configure
    settings.cache_clear()


@pytest.fixture
def issuers(configure: Configure) -> Issuers:
    def issuers(**configured: str | None) -> dict[IssuerKind, Issuer]:
        configure(**{**POOL, **configured})
        return {issuer.kind: issuer for issuer in configured_issuers()}

    return issuers


def test_the_stacks_own_user_pool_is_trusted_alone(issuers: Issuers) -> None:
    assert issuers() == {
        IssuerKind.COGNITO: Issuer(
            IssuerKind.COGNITO, POOL["user_pool_issuer"], frozenset({"client-1"}), "cognito:groups", KEYS
        )
    }


@pytest.mark.parametrize("missing", POOL)
def test_without_a_user_pool_nobody_is(issuers: Issuers, missing: str) -> None:
    with pytest.raises(BrokenContractError, match=missing.upper()):
        issuers(**{missing: None})


def test_clerk_and_one_more_are_trusted_where_they_are_named(issuers: Issuers) -> None:
    found = issuers(
        clerk_issuer="https://clerk.example.com",
        clerk_authorized_parties="https://one.example, https://two.example,",
        oidc_issuer="https://login.example.com/",
        oidc_audience="promptmill",
        roles_claim="groups",
    )
    assert found[IssuerKind.CLERK] == Issuer(
        IssuerKind.CLERK,
        "https://clerk.example.com",
        frozenset({"https://one.example", "https://two.example"}),
        "groups",
    )
    assert found[IssuerKind.OIDC] == Issuer(
        IssuerKind.OIDC, "https://login.example.com/", frozenset({"promptmill"}), "groups"
    )
    assert found[IssuerKind.COGNITO].roles_claim == "cognito:groups"


@pytest.mark.parametrize(
    ("issuer", "claims"),
    [
        ("clerk_issuer", {"azp": "", "sid": "s"}),
        ("clerk_issuer", {"sid": "s"}),
        ("oidc_issuer", {"aud": ""}),
        ("oidc_issuer", {}),
    ],
)
def test_an_issuer_without_parties_lets_nobody_in(issuers: Issuers, issuer: str, claims: dict[str, str]) -> None:
    *_, found = issuers(**{issuer: "https://login.example.com"}).values()
    assert not found.is_meant_for_us(claims)


@pytest.mark.parametrize("url", ["https://login.example.com", "https://login.example.com/"])
def test_keys_are_where_providers_commonly_have_them(issuers: Issuers, url: str) -> None:
    found = issuers(oidc_issuer=url)[IssuerKind.OIDC]
    assert found.keys_url == "https://login.example.com/.well-known/jwks.json"


def test_the_keys_of_the_user_pool_may_be_elsewhere(issuers: Issuers) -> None:
    found = issuers(user_pool_jwks_url="http://127.0.0.1:4566/pool/.well-known/jwks.json")[IssuerKind.COGNITO]
    assert found.keys_url == "http://127.0.0.1:4566/pool/.well-known/jwks.json"


def test_the_groups_that_give_roles_are_configured(configure: Configure) -> None:
    configure(operator_groups="ops, support", admin_groups=None)
    assert configured_groups() == {Role.OPERATOR: {"ops", "support"}, Role.ADMIN: set()}
