"""Users in memory, and the sign-ins that make them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from local.rendering import ROOT
from promptmill.clock import timestamp
from promptmill.errors import Unauthenticated
from promptmill.identity.users.model import SignIn, User
from promptmill.identity.users.store import UserStore
from tests.support.builders import AT_MS

ISSUER = "https://issuer.example"


def a_sign_in(subject: str = "ada", **fields: Any) -> SignIn:
    return replace(SignIn(ISSUER, subject, email=f"{subject}@example.com", username=f"{subject}-1"), **fields)


def a_cognito_event(**attributes: str | None) -> dict[str, Any]:
    """The sample of a post authentication event; ``attributes`` replace the person's, None leaves one out."""
    event: dict[str, Any] = json.loads((ROOT / "events" / "lambda" / "record_sign_in.json").read_text())
    said = event["request"]["userAttributes"] | attributes
    event["request"]["userAttributes"] = {name: value for name, value in said.items() if value is not None}
    return event


class MemoryUsers(UserStore):
    """Users in a dictionary; with ``error``, a store that does not answer."""

    def __init__(self, error: Exception | None = None) -> None:
        self.users: dict[str, User] = {}
        self.left: set[str] = set()
        self._error = error

    def record(self, sign_in: SignIn, *, at_ms: int = AT_MS) -> User:
        at = timestamp(at_ms)
        known = self.users.get(sign_in.user_id) or User(sign_in.user_id, sign_in.issuer, sign_in.subject, at, at)
        self._refuse_who_left(known.id)
        return self._keep(
            replace(
                known,
                seen_at=at,
                email=sign_in.email or known.email,
                username=sign_in.username or known.username,
            )
        )

    def get(self, user_id: str) -> User:
        self._refuse_who_left(user_id)
        if user_id not in self.users:
            raise Unauthenticated
        return self.users[user_id]

    def rename(self, user_id: str, display_name: str | None) -> User:
        return self._keep(replace(self.get(user_id), display_name=display_name))

    def _refuse_who_left(self, user_id: str) -> None:
        if self._error is not None:
            raise self._error
        if user_id in self.left:
            raise Unauthenticated

    def _keep(self, user: User) -> User:
        self.users[user.id] = user
        return user
