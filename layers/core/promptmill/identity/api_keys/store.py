"""API keys in DynamoDB: key ``KEY#<SHA-256 of the secret>``, ``KEY``. The secret itself is nowhere.

Every method raises ``StoreUnavailable`` when DynamoDB does not answer as it should.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from promptmill.clock import timestamp
from promptmill.errors import Unauthenticated
from promptmill.gateway import EDGE_ATTEMPTS, aws_client, store_errors
from promptmill.identity.access import Role, Scope
from promptmill.identity.caller import Caller
from promptmill.settings import settings


class ApiKeyStore:
    def __init__(self, table: str, client: Any) -> None:
        self._table = table
        self._client = client

    def admit(self, secret: str, *, at_ms: int) -> Caller:
        """The caller an API key speaks for; ``Unauthenticated`` for a key that is unknown, revoked or expired."""
        digest = hashlib.sha256(secret.encode()).hexdigest()
        with store_errors():
            item = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": f"KEY#{digest}"}, "sk": {"S": "KEY"}}
            ).get("Item")
        if item is None or item["expires_at"]["S"] <= timestamp(at_ms):
            raise Unauthenticated
        return Caller(
            owner=item["owner"]["S"],
            plan="key",
            roles=frozenset({Role.USER}),
            key=item["key_id"]["S"],
            scopes=frozenset(Scope(scope) for scope in item["scopes"]["SS"]),
            limits=item["limits"]["S"] if "limits" in item else "",
        )


@cache
def api_key_store() -> ApiKeyStore:
    """This process's store."""
    (table,) = settings().require("library_table")
    return ApiKeyStore(table, aws_client("dynamodb", attempts=EDGE_ATTEMPTS))
