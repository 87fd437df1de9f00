"""Who is calling. The one place an owner comes from; until there are tokens, it is the address the gateway saw."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Network, ip_address
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
    address = _subscriber(str(event["requestContext"]["identity"]["sourceIp"]))
    digest = hmac.new(salt.encode(), address.encode(), hashlib.sha256).hexdigest()[:_HASH_LENGTH]
    return Caller(owner=f"ip_{digest}", policy="anonymous")


def _subscriber(address: str) -> str:
    """What stands for one caller: an IPv4 address; of an IPv6 address the /64, within which a host picks new ones."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((parsed.packed[:8] + bytes(8), 64)))
