"""Who may call which operation: the one place every route declares it. Pure.

The gateway's authorizers follow from it (``Gate``), the functions hold every request to it, and the OpenAPI document
says it. An operation that is not here cannot be served.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from promptmill.errors import BrokenContractError, Forbidden, Unauthenticated

if TYPE_CHECKING:
    from promptmill.identity.caller import Caller


class Role(StrEnum):
    """Every role has the ones before it."""

    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"


class Scope(StrEnum):
    """What an API key may do."""

    READ = "jobs:read"
    WRITE = "jobs:write"


class Gate(StrEnum):
    """How the gateway lets a request through, by the name of the authorizer in the template."""

    NONE = "NONE"
    """Nobody looks at who is calling."""
    ANYONE = "Anyone"
    """With a token or key it must be a good one; without, the caller is an address. Not cached: there is no key."""
    SIGNED_IN = "SignedIn"
    """A good token or key is a must. The gateway caches the answer by it."""


@dataclass(frozen=True, slots=True)
class Access:
    """``role`` is the least one needed, None for who has not signed in; ``scope`` what a key needs, None: no key."""

    gate: Gate
    role: Role | None = None
    scope: Scope | None = None


_PUBLIC = Access(Gate.NONE)
_READ = Access(Gate.SIGNED_IN, Role.USER, Scope.READ)
_WRITE = Access(Gate.SIGNED_IN, Role.USER, Scope.WRITE)
_PERSON = Access(Gate.SIGNED_IN, Role.USER)
_OPERATOR = Access(Gate.SIGNED_IN, Role.OPERATOR)
_ADMIN = Access(Gate.SIGNED_IN, Role.ADMIN)

ROUTES = {
    # Who has not signed in may enhance a prompt, and then read, follow and cancel that job.
    "submitJob": Access(Gate.ANYONE, scope=Scope.WRITE),
    "generatePrompt": Access(Gate.ANYONE, scope=Scope.WRITE),
    "readJob": Access(Gate.ANYONE, scope=Scope.READ),
    "followJob": Access(Gate.ANYONE, scope=Scope.READ),
    "cancelJob": Access(Gate.ANYONE, scope=Scope.WRITE),
    "listJobs": _READ,
    "readExecution": _READ,
    "diffJobs": _READ,
    "replayJob": _WRITE,
    "readLimits": _READ,
    "readAnalytics": _READ,
    "readMe": _PERSON,
    "changeMe": _PERSON,
    "redriveJob": _OPERATOR,
    "deleteMe": _PERSON,
    "createApiKey": _ADMIN,
    "listApiKeys": _ADMIN,
    "readApiKey": _ADMIN,
    "rotateApiKey": _ADMIN,
    "revokeApiKey": _ADMIN,
    "readSubjectLimits": _ADMIN,
    "setSubjectLimits": _ADMIN,
    "removeSubjectLimits": _ADMIN,
    "health": _PUBLIC,
    "listModels": _PUBLIC,
    "openApi": _PUBLIC,
}
"""Every operation of the OpenAPI document, by its id."""


def access_to(operation: str | None) -> Access:
    """What an operation declares; ``BrokenContractError`` when it declares nothing."""
    if operation not in ROUTES:
        raise BrokenContractError(f"operation {operation} declares no access")
    return ROUTES[operation]


def check_access(operation: str | None, caller: Caller) -> None:
    """Raises ``Unauthenticated`` when the caller must sign in first, ``Forbidden`` when that is not enough."""
    access = access_to(operation)
    if access.gate is Gate.NONE:
        return
    if caller.is_anonymous:
        if access.role is not None:
            raise Unauthenticated
        return
    if access.role is not None and access.role not in caller.roles:
        raise Forbidden
    if caller.key is not None and access.scope not in caller.scopes:
        raise Forbidden
