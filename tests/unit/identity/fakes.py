"""Stores of the identity in memory, with the promises of the real ones; ``tests/integration`` holds both to them."""

from __future__ import annotations

from dataclasses import replace

from promptmill.clock import is_id, timestamp
from promptmill.errors import ApiKeyNotFound, RequestInFlight, SubjectNotFound, Unauthenticated
from promptmill.identity.access import Role
from promptmill.identity.api_keys.model import ApiKey, digest_of
from promptmill.identity.api_keys.store import ApiKeyStore
from promptmill.identity.caller import Caller
from promptmill.identity.overrides.store import OverrideStore
from promptmill.paging import Page


class MemoryApiKeys(ApiKeyStore):
    """Keys in a dictionary, of the users in a set."""

    def __init__(self, *users: str) -> None:
        self.keys: dict[str, ApiKey] = {}
        self.users = set(users)

    def admit(self, secret: str, *, at_ms: int) -> Caller:
        for key in self.keys.values():
            if key.is_opened_by(digest_of(secret), at_ms=at_ms):
                if not key.was_used_lately(at_ms):
                    self.keys[key.id] = replace(key, last_used_at=timestamp(at_ms))
                return Caller(key.owner, "key", frozenset({Role.USER}), key.id, key.scopes, key.limits)
        raise Unauthenticated

    def add(self, key: ApiKey) -> None:
        if key.owner not in self.users:
            raise SubjectNotFound
        self.keys[key.id] = key

    def get(self, key_id: str) -> ApiKey:
        if key_id not in self.keys:
            raise ApiKeyNotFound
        return self.keys[key_id]

    def page(self, *, limit: int, after: str | None = None) -> Page[ApiKey]:
        ids = sorted((key_id for key_id in self.keys if after is None or key_id < after), reverse=True)
        shown = tuple(self.keys[key_id] for key_id in ids[:limit])
        return Page(shown, shown[-1].id if len(ids) > limit else None)

    def rotate(self, key: ApiKey, to: ApiKey) -> None:
        stored = self.get(key.id)
        if stored.secrets != key.secrets or stored.revoked_at is not None:
            raise RequestInFlight
        self.keys[key.id] = replace(stored, secrets=to.secrets)

    def revoke(self, key_id: str, *, at_ms: int) -> None:
        key = self.get(key_id)
        self.keys[key_id] = replace(key, revoked_at=key.revoked_at or timestamp(at_ms))

    def forget_all(self, owner: str) -> None:
        self.keys = {key.id: key for key in self.keys.values() if key.owner != owner}


class MemoryOverrides(OverrideStore):
    """Limits of the users in a set, and of keys."""

    def __init__(self, keys: MemoryApiKeys) -> None:
        self._keys = keys
        self._of_users: dict[str, str] = {}

    def get(self, subject: str) -> str:
        self._check(subject)
        return self._keys.keys[subject].limits if is_id("key", subject) else self._of_users.get(subject, "")

    def put(self, subject: str, limits: str) -> None:
        self._check(subject)
        if is_id("key", subject):
            self._keys.keys[subject] = replace(self._keys.keys[subject], limits=limits)
        else:
            self._of_users[subject] = limits

    def remove(self, subject: str) -> None:
        self.put(subject, "")

    def _check(self, subject: str) -> None:
        if subject not in self._keys.keys and subject not in self._keys.users:
            raise SubjectNotFound
