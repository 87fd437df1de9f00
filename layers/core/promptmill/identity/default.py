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
from promptmill.settings import Settings, settings

COGNITO_GROUPS = "cognito:groups"


@cache
def default_authorizer() -> Authorizer:
    issuers = {issuer.url: issuer for issuer in configured_issuers(settings())}
    keys = {url: KeySet(issuer.keys_url, fetch_document) for url, issuer in issuers.items()}
    return Authorizer(TokenVerifier(issuers, keys, configured_groups(settings())), user_store(), api_key_store())


def configured_issuers(configured: Settings) -> list[Issuer]:
    """The issuers that are configured: the stack's own user pool, and Clerk and another one where they are named."""
    pool_issuer, pool_clients = configured.require("user_pool_issuer", "user_pool_clients")
    jwks_url = configured.user_pool_jwks_url or ""
    roles_claim = configured.roles_claim or "roles"
    found = [Issuer(IssuerKind.COGNITO, pool_issuer, _names(pool_clients), COGNITO_GROUPS, jwks_url)]
    if configured.clerk_issuer:
        parties = _names(configured.clerk_authorized_parties)
        found.append(Issuer(IssuerKind.CLERK, configured.clerk_issuer, parties, roles_claim))
    if configured.oidc_issuer:
        audience = _names(configured.oidc_audience)
        found.append(Issuer(IssuerKind.OIDC, configured.oidc_issuer, audience, roles_claim))
    return found


def configured_groups(configured: Settings) -> dict[Role, frozenset[str]]:
    """The groups that give each role."""
    return {Role.OPERATOR: _names(configured.operator_groups), Role.ADMIN: _names(configured.admin_groups)}


def _names(text: str | None) -> frozenset[str]:
    return frozenset(name.strip() for name in (text or "").split(",") if name.strip())
