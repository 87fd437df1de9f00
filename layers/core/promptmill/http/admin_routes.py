"""What admins may do: API keys, and the limits of one user or key."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from promptmill.http.api_key_routes import add_api_key_routes
from promptmill.http.resolver import declared, make_resolver
from promptmill.http.subject_limits_routes import add_subject_limits_routes
from promptmill.identity.api_keys.store import api_key_store
from promptmill.identity.overrides.store import override_store

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import APIGatewayRestResolver

    from promptmill.identity.api_keys.store import ApiKeyStore
    from promptmill.identity.overrides.store import OverrideStore


@cache
def admin_api(keys: ApiKeyStore | None = None, overrides: OverrideStore | None = None) -> APIGatewayRestResolver:
    """The resolver of the admins' routes; None is this process's own store."""
    app = make_resolver()
    add_api_key_routes(app, lambda: keys or api_key_store())
    add_subject_limits_routes(app, lambda: overrides or override_store())
    return declared(app)
