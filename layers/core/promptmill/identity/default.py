"""This process's authorizer, from its settings."""

from __future__ import annotations

from functools import cache

from promptmill.identity.access import Role
from promptmill.identity.api_keys.store import api_key_store
from promptmill.identity.authorizer import Authorizer
from promptmill.identity.issuers import Issuer, IssuerKind
from promptmill.identity.key_set import KeySet, fetch_document
from promptmill.identity.tokens import TokenVerifier
from promptmill.identity.users.store import user_store
from promptmill.settings import settings

COGNITO_GROUPS = "cognito:groups"


@cache
def default_authorizer() -> Authorizer:
    issuers = {issuer.url: issuer for issuer in configured_issuers()}
    keys = {url: KeySet(issuer.keys_url, fetch_document) for url, issuer in issuers.items()}
    return Authorizer(TokenVerifier(issuers, keys, configured_groups()), user_store(), api_key_store())


def configured_issuers() -> list[Issuer]:
    """The issuers that are configured: the stack's own user pool, and Clerk and another one where they are named."""
    pool, keys_url, clients = settings().require("user_pool_issuer", "user_pool_jwks_url", "user_pool_clients")
    roles_claim = settings().roles_claim or ""
    found = [Issuer(IssuerKind.COGNITO, pool, _names(clients), COGNITO_GROUPS, keys_url)]
    if url := settings().clerk_issuer:
        found.append(Issuer(IssuerKind.CLERK, url, _names(settings().clerk_authorized_parties), roles_claim))
    if url := settings().oidc_issuer:
        audience = _names(settings().oidc_audience)
        found.append(Issuer(IssuerKind.OIDC, url, audience, roles_claim, settings().oidc_jwks_url or ""))
    return found


def configured_groups() -> dict[Role, frozenset[str]]:
    """The groups that give each role."""
    return {Role.OPERATOR: _names(settings().operator_groups), Role.ADMIN: _names(settings().admin_groups)}


def _names(text: str | None) -> frozenset[str]:
    return frozenset(name.strip() for name in (text or "").split(",") if name.strip())
