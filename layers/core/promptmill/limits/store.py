"""Reads a subject's arrival time. Only the workflow writes it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.gateway import EDGE_ATTEMPTS, aws_client, store_errors
from promptmill.settings import settings

if TYPE_CHECKING:
    from promptmill.limits.gcra import RatePolicy


class RateStore:
    def __init__(self, table: str, client: Any) -> None:
        self._table = table
        self._client = client

    def peek(self, subject: str, policy: RatePolicy) -> int | None:
        """The subject's arrival time in epoch milliseconds, possibly a moment old; None when it has none."""
        with store_errors():
            item = self._client.get_item(
                TableName=self._table,
                Key={"pk": {"S": f"RATE#{subject}#{policy.name}"}},
                ProjectionExpression="tat",
            ).get("Item")
        return int(item["tat"]["N"]) if item else None


@cache
def rate_store() -> RateStore:
    """This process's store."""
    (table,) = settings().require("control_table")
    return RateStore(table, aws_client("dynamodb", attempts=EDGE_ATTEMPTS))
