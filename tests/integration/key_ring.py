"""A user and a store of their API keys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from promptmill.clock import new_id, random_hex
from promptmill.errors import Unauthenticated
from promptmill.identity.access import Role, Scope
from promptmill.identity.api_keys.model import ApiKey, make_key, rotated
from promptmill.identity.api_keys.store import ApiKeyStore, new_secret
from promptmill.identity.overrides.store import OverrideStore
from promptmill.identity.tokens import Identity
from promptmill.identity.users.store import UserStore
from tests.support.builders import AT_MS

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Ring:
    """A store of keys, and a user who has none yet."""

    keys: ApiKeyStore
    overrides: OverrideStore
    owner: str

    def add(self, secret: str = "", *, at_ms: int = AT_MS, life_ms: int = 30 * DAY_MS, **fields: Any) -> ApiKey:
        key = make_key(
            new_id("key", at_ms),
            "billing",
            owner=self.owner,
            scopes=frozenset({Scope.READ, Scope.WRITE}),
            secret=secret or new_secret(),
            expires_at_ms=at_ms + life_ms,
            at_ms=at_ms,
        )
        key = replace(key, **fields)
        self.keys.add(key)
        return key

    def rotate(self, key: ApiKey, secret: str, *, overlap_seconds: int = 60, at_ms: int = AT_MS) -> ApiKey:
        after = rotated(key, secret=secret, overlap_seconds=overlap_seconds, at_ms=at_ms)
        self.keys.rotate(key, after)
        return after

    def opened_by(self, *secrets: str, at_ms: int = AT_MS) -> list[bool]:
        return [self._admits(secret, at_ms) for secret in secrets]

    def _admits(self, secret: str, at_ms: int) -> bool:
        try:
            self.keys.admit(secret, at_ms=at_ms)
        except Unauthenticated:
            return False
        return True


def a_user(table: str, dynamodb: Any) -> str:
    identity = Identity("https://issuer.example", random_hex(8), frozenset({Role.USER}), expires_at=0)
    return UserStore(table, dynamodb).admit(identity, at_ms=AT_MS).owner


def a_ring(table: str, client: Any) -> Ring:
    """A ring over a table of DynamoDB, of a user who is new."""
    return Ring(ApiKeyStore(table, client), OverrideStore(table, client), a_user(table, client))
