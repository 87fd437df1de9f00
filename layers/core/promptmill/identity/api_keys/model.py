"""API keys: what one is, who gets in with it, and what rotating it makes of it. Pure.

A secret is ``pm_live_`` and 32 random bytes in base64url. Of it, the SHA-256 is all that is kept: 256 random bits
cannot be guessed from their hash, however fast hashing is, so it needs none of the slowness of a password's hash.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from promptmill.clock import timestamp
from promptmill.errors import ApiKeyEnded

if TYPE_CHECKING:
    from promptmill.identity.access import Scope

KEY_PREFIX = "pm_live_"
SECRET_BYTES = 32
_DAY_MS = 86_400_000
DEFAULT_LIFE_MS = 365 * _DAY_MS
MAX_LIFE_MS = 730 * _DAY_MS
DEFAULT_OVERLAP_SECONDS = 86_400
MAX_OVERLAP_SECONDS = 7 * 86_400
# How long what ended can still be looked at.
KEEP_ENDED_SECONDS = 90 * 86_400
# How exactly it is known when a key was last used: a write for every request would be as dear as the request.
LAST_USE_MS = 3_600_000


class KeyStatus(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret by its digest, SHA-256 in hexadecimal. It opens its key until ``valid_until``, an RFC 3339 timestamp."""

    digest: str
    valid_until: str


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Times are RFC 3339 timestamps; ``secrets`` are one or two, the newest first; ``limits`` is JSON, empty for none.

    Jobs made with the key are its owner's, a user.
    """

    id: str
    name: str
    owner: str
    scopes: frozenset[Scope]
    created_at: str
    expires_at: str
    secrets: tuple[Secret, ...]
    last_used_at: str | None = None
    revoked_at: str | None = None
    limits: str = ""

    def status(self, at_ms: int) -> KeyStatus:
        if self.revoked_at is not None:
            return KeyStatus.REVOKED
        return KeyStatus.ACTIVE if timestamp(at_ms) < self.expires_at else KeyStatus.EXPIRED

    def is_opened_by(self, digest: str, *, at_ms: int) -> bool:
        """Whether the secret with this digest opens the key; every secret is compared, whatever the key's state."""
        at = timestamp(at_ms)
        opened = [hmac.compare_digest(secret.digest, digest) and at < secret.valid_until for secret in self.secrets]
        return any(opened) and self.status(at_ms) is KeyStatus.ACTIVE

    def was_used_lately(self, at_ms: int) -> bool:
        """Whether its last use is known well enough not to be written again."""
        return self.last_used_at is not None and timestamp(at_ms - LAST_USE_MS) < self.last_used_at


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def make_key(
    key_id: str, name: str, *, owner: str, scopes: frozenset[Scope], secret: str, expires_at_ms: int, at_ms: int
) -> ApiKey:
    """A new key with one secret."""
    expires_at = timestamp(expires_at_ms)
    return ApiKey(
        id=key_id,
        name=name,
        owner=owner,
        scopes=scopes,
        created_at=timestamp(at_ms),
        expires_at=expires_at,
        secrets=(Secret(digest_of(secret), expires_at),),
    )


def rotated(key: ApiKey, *, secret: str, overlap_seconds: int, at_ms: int) -> ApiKey:
    """The key with a new secret; the newest one until now stays valid for the overlap, an older one ends at once.

    The key expires when it would have. Raises ``ApiKeyEnded`` for a key that is not active.
    """
    if key.status(at_ms) is not KeyStatus.ACTIVE:
        raise ApiKeyEnded
    newest = key.secrets[0]
    until = min(newest.valid_until, timestamp(at_ms + overlap_seconds * 1000))
    overlapping = (replace(newest, valid_until=until),) if overlap_seconds else ()
    return replace(key, secrets=(Secret(digest_of(secret), key.expires_at), *overlapping))
