"""Who calls the API of the local stack: users of its stand-in issuer, and API keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jwt

from promptmill.clock import epoch_ms, new_id, now_ms, timestamp
from promptmill.identity.api_keys.model import make_key
from promptmill.identity.api_keys.store import ApiKeyStore, new_secret
from promptmill.identity.users.model import user_id
from promptmill.identity.users.store import key as user_key

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


def plant_user(stack: Stack, user: str) -> None:
    """Stores the record of a user, unless there is one."""
    stack.client("dynamodb").update_item(
        TableName=stack.library_table,
        Key=user_key(user),
        UpdateExpression=(
            "SET created_at = if_not_exists(created_at, :at), seen_at = if_not_exists(seen_at, :at), "
            "issuer = if_not_exists(issuer, :issuer), subject = if_not_exists(subject, :subject)"
        ),
        ExpressionAttributeValues={
            ":at": {"S": timestamp(now_ms())},
            ":issuer": {"S": "https://login.example.com"},
            ":subject": {"S": user},
        },
    )


@dataclass(frozen=True)
class PlantedKey:
    id: str
    secret: str


def plant_key(
    stack: Stack, owner: str, scopes: Iterable[Scope], *, name: str = "a server", expires_at: str = FAR_AWAY
) -> PlantedKey:
    """Stores a new API key of this owner, who is a user from now on if not before."""
    plant_user(stack, owner)
    at_ms = now_ms()
    planted = PlantedKey(new_id("key", at_ms), new_secret())
    key = make_key(
        planted.id,
        name,
        owner=owner,
        scopes=frozenset(scopes),
        secret=planted.secret,
        expires_at_ms=epoch_ms(expires_at),
        at_ms=at_ms,
    )
    ApiKeyStore(stack.library_table, stack.client("dynamodb")).add(key)
    return planted


def a_key(stack: Stack, owner: str, scopes: Iterable[Scope], *, expires_at: str = FAR_AWAY) -> str:
    """The secret of a new API key of this owner."""
    return plant_key(stack, owner, scopes, expires_at=expires_at).secret
