"""Who is calling. The one place an owner comes from; until there are tokens, it is the address the gateway saw."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

_HASH_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Caller:
    """``owner`` keys everything the caller has; ``policy`` names the limits that hold for them."""

    owner: str
    policy: str


def caller_of(event: dict[str, Any], *, salt: str) -> Caller:
    """The caller of an API Gateway request.

    The address is the one API Gateway saw, never a header: a header is whatever the caller writes. It is keyed-hashed:
    not kept, and not guessable from the hash.
    """
    address = str(event["requestContext"]["identity"]["sourceIp"])
    digest = hmac.new(salt.encode(), address.encode(), hashlib.sha256).hexdigest()[:_HASH_LENGTH]
    return Caller(owner=f"ip_{digest}", policy="anonymous")
