"""Who is calling, as the authorizer said, or the address the gateway saw where nobody signed in."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Any

from promptmill.identity.access import Role, Scope

_HASH_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Caller:
    """``owner`` keys everything the caller has; ``plan`` names the limits that hold: anonymous, user or key.

    ``limits`` is what an admin set for this caller instead of the plan's, as JSON, empty for nothing. ``key`` is the id
    of the API key that calls for the owner, and ``scopes`` what it may do; people have neither. Who has no role has not
    signed in.
    """

    owner: str
    plan: str
    roles: frozenset[Role] = frozenset()
    key: str | None = None
    scopes: frozenset[Scope] = frozenset()
    limits: str = ""

    @property
    def subject(self) -> str:
        """Whom limits are counted against: each key has its own."""
        return self.key or self.owner

    @property
    def is_anonymous(self) -> bool:
        return not self.roles

    @property
    def is_operator(self) -> bool:
        return Role.OPERATOR in self.roles

    @property
    def sees(self) -> str | None:
        """The owner whose jobs the caller may touch; None for an operator, who may touch any."""
        return None if self.is_operator else self.owner

    def to_context(self) -> dict[str, str]:
        """The context of an authorizer's answer, which API Gateway keeps as strings; ``caller_of`` reads it."""
        return {
            "owner": self.owner,
            "plan": self.plan,
            "roles": " ".join(sorted(self.roles)),
            "key": self.key or "",
            "scopes": " ".join(sorted(self.scopes)),
            "limits": self.limits,
        }


def caller_of(event: dict[str, Any], *, salt: str) -> Caller:
    """The caller of an API Gateway request.

    Without the authorizer's word it is an address: the one API Gateway saw, never a header, which is whatever the
    caller writes. It is keyed-hashed: not kept, and not guessable from the hash.
    """
    said = event["requestContext"].get("authorizer") or {}
    if said.get("owner"):
        return Caller(
            owner=said["owner"],
            plan=said["plan"],
            roles=frozenset(Role(role) for role in said["roles"].split()),
            key=said.get("key") or None,
            scopes=frozenset(Scope(scope) for scope in said.get("scopes", "").split()),
            limits=said.get("limits", ""),
        )
    address = _subscriber(str(event["requestContext"]["identity"]["sourceIp"]))
    digest = hmac.new(salt.encode(), address.encode(), hashlib.sha256).hexdigest()[:_HASH_LENGTH]
    return Caller(owner=f"ip_{digest}", plan="anonymous")


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
