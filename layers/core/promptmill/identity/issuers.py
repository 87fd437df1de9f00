"""The issuers whose tokens are taken, and what a token of each must say. Pure.

Cognito: https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
Clerk: https://clerk.com/docs/guides/sessions/manual-jwt-verification
Others: OpenID Connect Core 1.0 §3.1.3.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def user_pool_issuer(region: str, pool_id: str) -> str:
    """What the tokens of a Cognito user pool say they are from."""
    return f"https://cognito-idp.{region}.amazonaws.com/{pool_id}"


class IssuerKind(StrEnum):
    COGNITO = "cognito"
    CLERK = "clerk"
    OIDC = "oidc"


@dataclass(frozen=True, slots=True)
class Issuer:
    """``parties`` are the client ids (Cognito), authorized parties (Clerk) or audiences (others) that are let in.

    ``roles_claim`` names the claim with the groups of a person: a string, or a list of them.
    """

    kind: IssuerKind
    url: str
    parties: frozenset[str]
    roles_claim: str
    jwks_url: str = ""

    @property
    def keys_url(self) -> str:
        """Where its keys are: what is configured, or where OpenID providers commonly have them."""
        return self.jwks_url or f"{self.url.rstrip('/')}/.well-known/jwks.json"

    def is_meant_for_us(self, claims: Mapping[str, Any]) -> bool:
        """Whether the token was issued to one of the parties, in the way this kind of issuer says so."""
        match self.kind:
            case IssuerKind.COGNITO:
                # An id token names the client as its audience, an access token as its client.
                match claims.get("token_use"):
                    case "id":
                        return self._names_a_party(claims.get("aud"))
                    case "access":
                        return self._names_a_party(claims.get("client_id"))
                    case _:
                        return False
            case IssuerKind.CLERK:
                return self._names_a_party(claims.get("azp")) and bool(_text(claims.get("sid")))
            case IssuerKind.OIDC:
                audience = claims.get("aud")
                several = audience if isinstance(audience, list) else [audience]
                # One we do not know may use the token too, and whoever it was made for is who sends it.
                meant = bool(several) and all(self._names_a_party(one) for one in several)
                return meant and ("azp" not in claims or self._names_a_party(claims["azp"]))

    def groups_of(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """The groups the token says its person is in."""
        value = claims.get(self.roles_claim)
        several = value if isinstance(value, list) else [value]
        return frozenset(group for group in several if isinstance(group, str))

    def _names_a_party(self, value: object) -> bool:
        return isinstance(value, str) and value in self.parties


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
