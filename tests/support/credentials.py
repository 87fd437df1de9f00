"""Who calls the API of the local stack: users of its stand-in issuer, and API keys."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import jwt

from promptmill.clock import random_hex
from promptmill.identity.authorizer import KEY_PREFIX
from promptmill.identity.tokens import user_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.stack import Stack
    from promptmill.identity.access import Scope

FAR_AWAY = "2100-01-01T00:00:00.000Z"
LONG_AGO = "2020-01-01T00:00:00.000Z"


def owner_of(token: str) -> str:
    """The user a token of any issuer is for."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return user_id(claims["iss"], claims["sub"])


def a_key(stack: Stack, owner: str, scopes: Iterable[Scope], *, expires_at: str = FAR_AWAY) -> str:
    """A new API key of this owner, stored as ``identity.api_keys.store`` reads it."""
    secret = KEY_PREFIX + random_hex(24)
    item = {
        "pk": {"S": f"KEY#{hashlib.sha256(secret.encode()).hexdigest()}"},
        "sk": {"S": "KEY"},
        "key_id": {"S": f"key_{random_hex(16)}"},
        "owner": {"S": owner},
        "scopes": {"SS": sorted(scopes)},
        "expires_at": {"S": expires_at},
    }
    stack.client("dynamodb").put_item(TableName=stack.library_table, Item=item)
    return secret
