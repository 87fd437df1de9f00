"""Verifies JSON Web Tokens (RFC 7519, RFC 8725): PyJWT checks the signature, what a token claims is checked here."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from promptmill.errors import Unauthenticated
from promptmill.identity.access import Role
from promptmill.identity.users.model import user_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptmill.identity.issuers import Issuer
    from promptmill.identity.key_set import KeySet

ALGORITHMS = frozenset({"RS256", "ES256"})
MAX_TOKEN_BYTES = 8192
# How far apart the issuer's clock and ours may be.
SKEW_SECONDS = 30
_PARTS = 3
_MAX_TEXT = 256


@dataclass(frozen=True, slots=True)
class Identity:
    """A person as a verified token names them. ``expires_at`` is the token's, in epoch seconds."""

    issuer: str
    subject: str
    roles: frozenset[Role]
    expires_at: int
    email: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)

    @property
    def user_id(self) -> str:
        return user_id(self.issuer, self.subject)


@dataclass(frozen=True, slots=True)
class TokenVerifier:
    """``issuers`` and their ``keys`` are by the issuer's URL; ``groups`` are the groups that give a role."""

    issuers: Mapping[str, Issuer]
    keys: Mapping[str, KeySet]
    groups: Mapping[Role, frozenset[str]]

    def verify(self, token: str, *, at_seconds: int) -> Identity:
        """Whose token it is. Raises ``Unauthenticated`` for every token that is not good, with nothing of why.

        Raises ``IssuerUnavailable`` when the issuer's keys were never to be had.
        """
        header, claims = _read(token)
        issuer = self.issuers.get(_text(claims, "iss"))
        algorithm = _text(header, "alg")
        # "crit" names what a reader must understand (RFC 7515 §4.1.11), and we understand none of it.
        if issuer is None or algorithm not in ALGORITHMS or "crit" in header or header.get("typ", "JWT") not in _TYPES:
            raise Unauthenticated
        key = self.keys[issuer.url].find(_text(header, "kid"), algorithm)
        if key is None or not _is_signed(token, key, algorithm):
            raise Unauthenticated
        if not _is_current(claims, at_seconds) or not issuer.is_meant_for_us(claims):
            raise Unauthenticated
        email = claims.get("email") if claims.get("email_verified") in (True, "true") else None
        usernames = (claims.get(name) for name in _USERNAMES)
        return Identity(
            issuer=issuer.url,
            subject=_text(claims, "sub"),
            roles=roles_of(issuer.groups_of(claims), self.groups),
            expires_at=int(claims["exp"]),
            email=email if _is_text(email) else None,
            username=next((name for name in usernames if _is_text(name)), None),
        )


_TYPES = ("JWT", "at+jwt")
_USERNAMES = ("cognito:username", "username")


def roles_of(groups: frozenset[str], wanted: Mapping[Role, frozenset[str]]) -> frozenset[Role]:
    """Everybody is a user; an admin is an operator too."""
    roles = {Role.USER} | {role for role, names in wanted.items() if names & groups}
    return frozenset(roles | ({Role.OPERATOR} if Role.ADMIN in roles else set()))


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims, nothing of them believed yet."""
    if not token.isascii() or len(token) > MAX_TOKEN_BYTES or token.count(".") != _PARTS - 1:
        raise Unauthenticated
    header, claims, _signature = (_octets(part) for part in token.split("."))
    return _object(header), _object(claims)


def _octets(part: str) -> bytes:
    """What a part encodes. There is one way to write it (RFC 7515 §2, RFC 4648 §3.5), so no other is taken."""
    try:
        octets = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise Unauthenticated from None
    if base64.urlsafe_b64encode(octets).rstrip(b"=") != part.encode():
        raise Unauthenticated
    return octets


def _object(octets: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8; one that has a name twice means what its reader likes, so it is refused."""
    try:
        value = json.loads(octets.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise Unauthenticated from None
    if not isinstance(value, dict):
        raise Unauthenticated
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not _is_text(value):
        raise Unauthenticated
    return value


def _is_text(value: object) -> TypeGuard[str]:
    """Not empty, not endless, and printable: JSON can say half a surrogate pair, which UTF-8 cannot."""
    return isinstance(value, str) and 0 < len(value) <= _MAX_TEXT and value.isprintable()


def _is_signed(token: str, key: Any, algorithm: str) -> bool:
    from jwt.api_jws import PyJWS
    from jwt.exceptions import PyJWTError

    try:
        PyJWS(algorithms=[algorithm]).decode_complete(token, key, [algorithm])
    except PyJWTError:
        return False
    return True


def _is_current(claims: Mapping[str, Any], at_seconds: int) -> bool:
    """Not over, begun, and not issued in the future; an end is a must."""
    end, begin, issued = (claims.get(name, 0) for name in ("exp", "nbf", "iat"))
    if not (_is_time(end) and _is_time(begin) and _is_time(issued)):
        return False
    latest = at_seconds + SKEW_SECONDS
    return bool(at_seconds - SKEW_SECONDS < end and begin <= latest and issued <= latest)


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12  # noqa: PLR2004
