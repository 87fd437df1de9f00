"""The admins' function over stores in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from promptmill.http.admin_routes import admin_api
from promptmill.http.resolver import resolve
from promptmill.identity.access import Role
from promptmill.identity.caller import Caller
from tests.unit.http.calls import OWNER, an_event, reply
from tests.unit.identity.fakes import MemoryApiKeys, MemoryOverrides

if TYPE_CHECKING:
    from tests.unit.http.calls import Reply

ADMIN = Caller(owner=f"usr_{'a' * 32}", plan="user", roles=frozenset({Role.USER, Role.OPERATOR, Role.ADMIN}))


class Administration:
    """``keys`` knows two users: the admin and the caller of other tests."""

    def __init__(self, keys: MemoryApiKeys | None = None) -> None:
        self.keys = keys or MemoryApiKeys(ADMIN.owner, OWNER)
        self.overrides = MemoryOverrides(self.keys)

    def call(
        self,
        method: str,
        path: str,
        document: Any = None,
        *,
        query: dict[str, list[str]] | None = None,
        caller: Caller | None = ADMIN,
        content_type: str = "application/json",
    ) -> Reply:
        headers = {} if document is None else {"Content-Type": content_type}
        body = document if isinstance(document, str) or document is None else json.dumps(document)
        event = an_event(method, path, body=body, headers=headers, query=query, caller=caller)
        return reply(resolve(admin_api(self.keys, self.overrides), event, None))

    def make(self, **fields: Any) -> Any:
        """The answer to making a key; fails the test unless it is made."""
        answer = self.call("POST", "/v1/keys", {"name": "billing", "scopes": ["jobs:read"], **fields})
        assert answer.status == 201, answer.text
        return answer.json
