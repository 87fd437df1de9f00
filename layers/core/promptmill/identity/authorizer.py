"""What the API's authorizer answers: who is calling, as a policy and a context that API Gateway hands on."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from promptmill.clock import now_ms
from promptmill.errors import Unauthenticated
from promptmill.identity.api_keys.model import KEY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.identity.caller import Caller
    from promptmill.identity.tokens import Identity, TokenVerifier

MAX_CREDENTIAL_BYTES = 8192
# As long as the gateway keeps an answer: the template's ReauthorizeEvery.
KEEP_MS = 30_000
MAX_KEPT = 1000


class Users(Protocol):
    def admit(self, identity: Identity, *, at_ms: int) -> Caller:
        """The user of an identity, whose record appears with the first; ``Unauthenticated`` for one who left."""


class Keys(Protocol):
    def admit(self, secret: str, *, at_ms: int) -> Caller:
        """The caller an API key speaks for; ``Unauthenticated`` for a key that is unknown, revoked or expired."""


@dataclass(frozen=True, slots=True)
class Authorizer:
    tokens: TokenVerifier
    users: Users
    keys: Keys
    clock: Callable[[], int] = now_ms
    _admitted: OrderedDict[bytes, tuple[Caller, int]] = field(default_factory=OrderedDict)

    def caller(self, event: dict[str, Any]) -> Caller | None:
        """Who sent an authorizer's request; None when nobody signed in. Raises ``Unauthenticated``.

        Whom it let in, it lets in again for ``KEEP_MS`` without asking the store, as the gateway does where it caches.
        """
        credential = credential_of(event.get("multiValueHeaders") or {})
        if credential is None:
            return None
        at_ms = self.clock()
        digest = hashlib.sha256(credential.encode()).digest()
        known, until_ms = self._admitted.get(digest, (None, 0))
        if known is not None and at_ms < until_ms:
            return known
        if credential.startswith(KEY_PREFIX):
            caller, until_ms = self.keys.admit(credential, at_ms=at_ms), at_ms + KEEP_MS
        else:
            identity = self.tokens.verify(credential, at_seconds=at_ms // 1000)
            caller, until_ms = self.users.admit(identity, at_ms=at_ms), min(at_ms + KEEP_MS, identity.expires_at * 1000)
        self._admitted[digest] = caller, until_ms
        while len(self._admitted) > MAX_KEPT:
            self._admitted.popitem(last=False)
        return caller


def credential_of(headers: dict[str, list[str]]) -> str | None:
    """The token or key of ``Authorization: Bearer …`` (RFC 6750 §2.1), None without the header.

    Raises ``Unauthenticated`` for any other form, for two of them, and for a key in ``X-Api-Key``: of what is sent
    twice, each reader believes another part.
    """
    sent = [value for name, values in headers.items() if name.lower() == "authorization" for value in values]
    if any(name.lower() == "x-api-key" for name in headers):
        raise Unauthenticated
    if not sent:
        return None
    scheme, _, credential = sent[0].partition(" ")
    well_formed = credential.isascii() and credential.isprintable() and not set(credential) & {" ", ",", ";"}
    if len(sent) > 1 or scheme.lower() != "bearer" or not credential or not well_formed:
        raise Unauthenticated
    if len(credential) > MAX_CREDENTIAL_BYTES:
        raise Unauthenticated
    return credential


def answer(caller: Caller | None, method_arn: str) -> dict[str, Any]:
    """Lets the caller in, to every method of the stage: the gateway keeps this answer for all of them.

    What they may do there is each function's to say, by ``identity.access``.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
    """
    stage = "/".join(method_arn.split("/")[:2])
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{stage}/*"}
    return {
        "principalId": caller.subject if caller else "anonymous",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": caller.to_context() if caller else {},
    }
