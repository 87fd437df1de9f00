"""The signing keys of an issuer (RFC 7517), fetched when first needed and kept for the life of the process."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from promptmill.clock import monotonic_ms
from promptmill.errors import IssuerUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

# A key the issuer withdrew stops working within this time, as long as the issuer answers.
KEEP_MS = 3_600_000
# A key id nobody knows may be a new key, or somebody trying; an issuer that did not answer may be back.
BETWEEN_REQUESTS_MS = 300_000
# Without any key nobody can come in, so an issuer that did not answer is asked again soon.
AFTER_A_FAILURE_MS = 5_000
MAX_BYTES = 262_144
# To connect, and again for each read.
TIMEOUT_SECONDS = 2.0
_MIN_RSA_BITS = 2048
_LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(slots=True)
class KeySet:
    """``fetch`` gets the document at an address; ``clock`` is milliseconds that only grow."""

    url: str
    fetch: Callable[[str], bytes]
    clock: Callable[[], int] = monotonic_ms
    _keys: dict[tuple[str, str], Any] = field(default_factory=dict)
    _asked_ms: int | None = None
    _answered_ms: int | None = None

    def find(self, key_id: str, algorithm: str) -> Any:
        """The public key of this id for this algorithm, or None.

        Raises ``IssuerUnavailable`` when the issuer never answered. Keys that are here stay while it does not answer.
        """
        if self._should_ask(key_id):
            self._ask()
        if self._answered_ms is None:
            raise IssuerUnavailable
        return self._keys.get((key_id, algorithm))

    def _should_ask(self, key_id: str) -> bool:
        if self._asked_ms is None:
            return True
        now_ms = self.clock()
        since_ms = now_ms - self._asked_ms
        if self._answered_ms is None:
            return since_ms >= AFTER_A_FAILURE_MS
        is_known = any(known_id == key_id for known_id, _ in self._keys)
        is_old = now_ms - self._answered_ms >= KEEP_MS
        return (is_old or not is_known) and since_ms >= BETWEEN_REQUESTS_MS

    def _ask(self) -> None:
        self._asked_ms = self.clock()
        try:
            self._keys = read_keys(self.fetch(self.url))
            self._answered_ms = self._asked_ms
        except IssuerUnavailable:
            if self._answered_ms is None:
                raise


def read_keys(document: bytes) -> dict[tuple[str, str], Any]:
    """The usable public keys of a JWK set, by id and the one algorithm each is for.

    An id that stands there twice is nobody's. Raises ``IssuerUnavailable`` for what is no JWK set.
    """
    from jwt import PyJWK
    from jwt.exceptions import PyJWTError

    try:
        described = [key for key in json.loads(document)["keys"] if isinstance(key.get("kid"), str)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise IssuerUnavailable from None
    times = Counter(key["kid"] for key in described)
    keys: dict[tuple[str, str], Any] = {}
    for key in described:
        algorithm = _algorithm(key)
        if algorithm is None or times[key["kid"]] > 1:
            continue
        try:
            public = PyJWK(key, algorithm).key
        except PyJWTError:
            continue
        if algorithm != "RS256" or public.key_size >= _MIN_RSA_BITS:
            keys[key["kid"], algorithm] = public
    return keys


def _algorithm(key: dict[str, Any]) -> str | None:
    """The algorithm a JWK verifies with, if it is one of ours and nothing in the JWK says otherwise."""
    match key:
        case {"d": _}:
            return None
        case {"kty": "RSA"}:
            algorithm = "RS256"
        case {"kty": "EC", "crv": "P-256"}:
            algorithm = "ES256"
        case _:
            return None
    for_signing = key.get("use", "sig") == "sig" and key.get("key_ops", ["verify"]) == ["verify"]
    return algorithm if for_signing and key.get("alg", algorithm) == algorithm else None


def fetch_document(url: str) -> bytes:
    """A document over HTTPS, or from this machine; no redirects. Raises ``IssuerUnavailable``."""
    import urllib3

    address = urlsplit(url)
    if address.scheme != "https" and address.hostname not in _LOOPBACK:
        raise IssuerUnavailable("an issuer's keys must be behind https")
    try:
        with urllib3.PoolManager(num_pools=1) as pool:
            answer = pool.request(
                "GET", url, timeout=TIMEOUT_SECONDS, retries=False, redirect=False, preload_content=False
            )
            # As it was sent: what is compressed can be any size.
            body: bytes = answer.read(MAX_BYTES + 1, decode_content=False)
    except urllib3.exceptions.HTTPError as error:
        raise IssuerUnavailable from error
    if answer.status != 200 or len(body) > MAX_BYTES:  # noqa: PLR2004
        raise IssuerUnavailable
    return body
