"""A stand-in for Clerk: an issuer of tokens for whoever asks, for a stack on loopback that nobody else can reach.

``POST /_tokens`` takes the claims that matter and answers a signed token; ``POST /_issuer`` puts a new key in the place
of the old one, or has the key set fail.
"""

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from local.providers.answers import Answer, Request, json_answer, plain_error

PATH = "/issuer"
AUTHORIZED_PARTY = "http://localhost:5173"
LIFETIME_SECONDS = 3600


@dataclass
class Issuer:
    """``url`` is what tokens say they are from; it is known once the server listens."""

    url: str = ""
    fetched: int = 0
    failing: bool = False
    _key_id: str = ""
    _key: rsa.RSAPrivateKey | None = field(default=None, repr=False)

    def key_set(self, _request: Request) -> Answer:
        self.fetched += 1
        if self.failing:
            return plain_error(503, "the issuer is down, as it was told")
        key, key_id = self._signing_key()
        public = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
        return json_answer({"keys": [{**public, "kid": key_id, "alg": "RS256", "use": "sig"}]})

    def make_token(self, request: Request) -> Answer:
        """Answers ``{"token"}`` for ``{"sub", "roles"?, …}``; a claim given as null is left out."""
        now = int(time.time())
        try:
            asked: dict[str, Any] = request.json_object()
        except ValueError as error:
            return plain_error(400, str(error))
        claims = {
            "iss": self.url,
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME_SECONDS,
            "azp": AUTHORIZED_PARTY,
            "sid": f"sess_{secrets.token_hex(8)}",
            **asked,
        }
        key, key_id = self._signing_key()
        said = {name: value for name, value in claims.items() if value is not None}
        return json_answer({"token": jwt.encode(said, key, algorithm="RS256", headers={"kid": key_id})})

    def set_up(self, request: Request) -> Answer:
        """Takes ``{"rotate": true}`` and ``{"failing": bool}``."""
        try:
            wanted = request.json_object()
        except ValueError as error:
            return plain_error(400, str(error))
        if wanted.get("rotate"):
            self._key = None
        self.failing = bool(wanted.get("failing", self.failing))
        return self.show(request)

    def show(self, _request: Request) -> Answer:
        return json_answer({"issuer": self.url, "fetched": self.fetched, "failing": self.failing})

    def _signing_key(self) -> tuple[rsa.RSAPrivateKey, str]:
        if self._key is None:
            self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            self._key_id = secrets.token_hex(8)
        return self._key, self._key_id
