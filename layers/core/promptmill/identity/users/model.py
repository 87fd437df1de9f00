"""A user as stored, and a sign-in as an issuer tells of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from promptmill.identity.issuers import user_pool_issuer
from promptmill.identity.tokens import user_id


@dataclass(frozen=True, slots=True)
class User:
    """``email`` is a verified one. ``limits`` is what an admin set instead of the plan's, as JSON, empty for nothing.

    Times are RFC 3339, UTC.
    """

    id: str
    issuer: str
    subject: str
    created_at: str
    seen_at: str
    email: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)
    display_name: str | None = field(default=None, repr=False)
    limits: str = ""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who signed in. ``username`` is what the issuer's own API calls the person by, ``email`` a verified one."""

    issuer: str
    subject: str
    email: str | None = field(default=None, repr=False)
    username: str | None = field(default=None, repr=False)

    @property
    def user_id(self) -> str:
        return user_id(self.issuer, self.subject)


def sign_in_of(event: dict[str, Any]) -> SignIn:
    """The sign-in of a post authentication event, whose attributes are all strings.

    https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-authentication.html
    """
    attributes = event["request"]["userAttributes"]
    return SignIn(
        issuer=user_pool_issuer(event["region"], event["userPoolId"]),
        subject=attributes["sub"],
        email=attributes.get("email") if attributes.get("email_verified") == "true" else None,
        username=event["userName"],
    )
