"""Issuers of tokens with real keys, and an attacker's: every part of a token can be written by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from promptmill.identity.access import Role
from promptmill.identity.issuers import Issuer, IssuerKind
from promptmill.identity.key_set import KeySet
from promptmill.identity.tokens import TokenVerifier

NOW = 1_800_000_000
CLERK = Issuer(IssuerKind.CLERK, "https://clerk.example.com", frozenset({"https://app.example.com"}), "roles")
COGNITO = Issuer(
    IssuerKind.COGNITO,
    "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
    frozenset({"client-1"}),
    "cognito:groups",
)
OIDC_PARTIES = frozenset({"promptmill", "https://login.example.com/userinfo"})
OIDC = Issuer(IssuerKind.OIDC, "https://login.example.com", OIDC_PARTIES, "roles")
GROUPS = {Role.OPERATOR: frozenset({"operators"}), Role.ADMIN: frozenset({"admins"})}

TIMES = {"iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + 600}
CLERK_CLAIMS = {"iss": CLERK.url, "sub": "user_1", "azp": "https://app.example.com", "sid": "sess_1", **TIMES}
ID_CLAIMS = {"iss": COGNITO.url, "sub": "2f6c", "token_use": "id", "aud": "client-1", **TIMES}
ACCESS_CLAIMS = {"iss": COGNITO.url, "sub": "2f6c", "token_use": "access", "client_id": "client-1", **TIMES}
OIDC_CLAIMS = {"iss": OIDC.url, "sub": "auth0|1", "aud": "promptmill", **TIMES}
ABSENT = object()

Sign = Callable[[bytes], bytes]


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def compact(header: dict[str, Any] | bytes, claims: dict[str, Any] | bytes, sign: Sign) -> str:
    """A signed token of these parts; those given as bytes stay as they are."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    signed = ".".join(b64(part) for part in parts)
    return f"{signed}.{b64(sign(signed.encode()))}"


def without_absent(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not ABSENT}


def rs256(key: rsa.RSAPrivateKey) -> Sign:
    return lambda text: key.sign(text, padding.PKCS1v15(), hashes.SHA256())


def es256_der(key: ec.EllipticCurvePrivateKey) -> Sign:
    return lambda text: key.sign(text, ec.ECDSA(hashes.SHA256()))


def es256(key: ec.EllipticCurvePrivateKey) -> Sign:
    def sign(text: bytes) -> bytes:
        r, s = decode_dss_signature(es256_der(key)(text))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def hs256(secret: bytes) -> Sign:
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


def public_jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, **members: Any) -> dict[str, Any]:
    """The JWK of a key's public half; a member given as ABSENT is left out."""
    public = key.public_key()
    made = RSAAlgorithm.to_jwk(public) if isinstance(public, rsa.RSAPublicKey) else ECAlgorithm.to_jwk(public)
    return without_absent({**json.loads(made), "use": "sig", **members})


def key_document(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


@dataclass(frozen=True)
class World:
    """Clerk signs with either key, Cognito with RSA, the other issuer with EC."""

    clerk_rsa: rsa.RSAPrivateKey
    clerk_ec: ec.EllipticCurvePrivateKey
    cognito_rsa: rsa.RSAPrivateKey
    oidc_ec: ec.EllipticCurvePrivateKey
    attacker_rsa: rsa.RSAPrivateKey

    def verifier(self) -> TokenVerifier:
        documents = {
            CLERK.url: key_document(
                public_jwk(self.clerk_rsa, kid="clerk-rsa"),
                public_jwk(self.clerk_ec, kid="clerk-ec"),
                public_jwk(self.clerk_rsa, kid="twice"),
                public_jwk(self.attacker_rsa, kid="twice"),
            ),
            COGNITO.url: key_document(public_jwk(self.cognito_rsa, kid="cognito-rsa", alg="RS256")),
            OIDC.url: key_document(public_jwk(self.oidc_ec, kid="oidc-ec")),
        }
        issuers = {issuer.url: issuer for issuer in (CLERK, COGNITO, OIDC)}
        keys = {issuer.url: KeySet(issuer.url, documents.__getitem__, clock=lambda: 0) for issuer in issuers.values()}
        return TokenVerifier(issuers, keys, GROUPS)

    def clerk(self, header: dict[str, Any] | None = None, *, sign: Sign | None = None, **claims: Any) -> str:
        """A token as Clerk makes it, with other header fields, claims or signature."""
        fields = {"alg": "RS256", "kid": "clerk-rsa", "typ": "JWT", **(header or {})}
        said = without_absent({**CLERK_CLAIMS, **claims})
        return compact(without_absent(fields), said, sign or rs256(self.clerk_rsa))

    def clerk_es(self, header: dict[str, Any] | None = None, *, sign: Sign | None = None, **claims: Any) -> str:
        """The same with Clerk's EC key."""
        fields = {"alg": "ES256", "kid": "clerk-ec", **(header or {})}
        return self.clerk(fields, sign=sign or es256(self.clerk_ec), **claims)

    def signed(self, header: bytes | None = None, claims: bytes | None = None) -> str:
        """What Clerk signed, whatever it is."""
        fields = header or json.dumps({"alg": "RS256", "kid": "clerk-rsa"}).encode()
        return compact(fields, claims or json.dumps(CLERK_CLAIMS).encode(), rs256(self.clerk_rsa))

    def cognito(self, base: dict[str, Any], **claims: Any) -> str:
        said = without_absent({**base, **claims})
        return compact({"alg": "RS256", "kid": "cognito-rsa"}, said, rs256(self.cognito_rsa))

    def oidc(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        fields = {"alg": "ES256", "kid": "oidc-ec", **(header or {})}
        return compact(fields, without_absent({**OIDC_CLAIMS, **claims}), es256(self.oidc_ec))

    def of_length(self, length: int) -> str:
        """A good token of so many bytes. Some lengths base64 cannot make; another header moves those."""
        about = (length - len(self.clerk())) * 3 // 4
        for more, pad in itertools.product(range(3), range(about - 30, about)):
            token = self.clerk({"x": "x" * more}, pad="x" * pad)
            if len(token) == length:
                return token
        raise AssertionError(f"no token is {length} bytes long")


def pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def der(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
