"""Ways to make a token that is as a good one but for one thing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.unit.identity.issuing import (
    ACCESS_CLAIMS,
    CLERK_CLAIMS,
    ID_CLAIMS,
    Sign,
    World,
    b64,
    der,
    public_jwk,
    rs256,
)

Forge = Callable[[World], str]


def unsigned(_: bytes) -> bytes:
    return b""


def header(**fields: Any) -> Forge:
    """Signed by Clerk, with other header fields."""
    return lambda world: world.clerk(fields)


def claim(**claims: Any) -> Forge:
    """Signed by Clerk, with other claims."""
    return lambda world: world.clerk(**claims)


def claims_text(old: str, new: str) -> Forge:
    """Signed by Clerk, with other text in its claims than ``json.dumps`` writes."""
    text = json.dumps(CLERK_CLAIMS)
    assert old in text
    return lambda world: world.signed(claims=text.replace(old, new, 1).encode())


def id_token(**claims: Any) -> Forge:
    return lambda world: world.cognito(ID_CLAIMS, **claims)


def access_token(**claims: Any) -> Forge:
    return lambda world: world.cognito(ACCESS_CLAIMS, **claims)


def oidc(**claims: Any) -> Forge:
    return lambda world: world.oidc(**claims)


def by_attacker(**fields: Any) -> Forge:
    """Signed with the attacker's key."""
    return lambda world: world.clerk(fields, sign=rs256(world.attacker_rsa))


def with_attackers_jwk(world: World) -> str:
    key = public_jwk(world.attacker_rsa, kid="clerk-rsa")
    return world.clerk({"jwk": key}, sign=rs256(world.attacker_rsa))


def with_attackers_certificate(world: World) -> str:
    chain = [base64.b64encode(der(world.attacker_rsa)).decode()]
    return world.clerk({"x5c": chain}, sign=rs256(world.attacker_rsa))


def parts(change: Callable[[list[str]], list[str]]) -> Forge:
    """A good token whose parts were taken apart and put together otherwise."""
    return lambda world: ".".join(change(world.clerk().split(".")))


def text(change: Callable[[str], str]) -> Forge:
    """A good token, written otherwise."""
    return lambda world: change(world.clerk())


def reworded(part: str, **changes: Any) -> str:
    values = json.loads(base64.urlsafe_b64decode(part + "=="))
    return b64(json.dumps({**values, **changes}).encode())


def other_unused_bits(part: str) -> str:
    """The same bytes in other characters: the last character has bits that mean nothing."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(part) % 4, "no bits are unused"
    return part[:-1] + alphabet[alphabet.index(part[-1]) | 1]


def with_unused_bits(at: int) -> Forge:
    """A token with other characters, though the same bytes, in one of its parts, signed as it is written."""

    def forge(world: World) -> str:
        # As many spaces as leave bits unused.
        fields = json.dumps({"alg": "RS256", "kid": "clerk-rsa"})
        claims = json.dumps(CLERK_CLAIMS)
        written = [b64((part + " " * (3 + 1 - len(part) % 3)).encode()) for part in (fields, claims)]
        if at < len(written):
            written[at] = other_unused_bits(written[at])
        signature = b64(rs256(world.clerk_rsa)(".".join(written).encode()))
        return ".".join([*written, other_unused_bits(signature) if at == len(written) else signature])

    return forge


def salted(world: World) -> Sign:
    """As PS256 says."""
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return lambda signed: world.clerk_rsa.sign(signed, pss, hashes.SHA256())


def sha384(world: World) -> Sign:
    """As RS384 says."""
    return lambda signed: world.clerk_rsa.sign(signed, padding.PKCS1v15(), hashes.SHA384())


def in_another_alphabet(world: World) -> str:
    """Of base64, where ``-`` and ``_`` are ``+`` and ``/``."""
    tokens = (world.clerk(jti=str(number)) for number in range(1000))
    return next(token for token in tokens if set("-_") & set(token)).translate(str.maketrans("-_", "+/"))
