"""That one rebuild is at work at a time: an item beside the rollups, which no rebuild erases."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from promptmill.clock import now_ms, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEY = {"pk": {"S": "REBUILD"}, "sk": {"S": "LOCK"}}


class RebuildLock:
    """Every method raises botocore's errors."""

    def __init__(self, table: str, dynamodb: Any) -> None:
        self._table = table
        self._dynamodb = dynamodb

    def holder(self) -> str | None:
        """Whose rebuild is at work, and since when, for people; that of one that was killed too."""
        found = self._dynamodb.get_item(TableName=self._table, Key=_KEY, ConsistentRead=True).get("Item")
        return None if found is None else f"{found['operator']['S']} at {found['began_at']['S']}"

    @contextmanager
    def held(self, operator: str, *, overrides: bool) -> Iterator[None]:
        """While entered, it is this operator's; ``overrides`` takes it from whoever has it.

        Raises a ``ClickException`` when somebody else has it.
        """
        began_at = {"S": timestamp(now_ms())}
        asked: dict[str, Any] = {
            "TableName": self._table,
            "Item": {**_KEY, "operator": {"S": operator}, "began_at": began_at},
        }
        if not overrides:
            asked["ConditionExpression"] = "attribute_not_exists(pk)"
        try:
            self._dynamodb.put_item(**asked)
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            raise click.ClickException("Another rebuild has begun this moment. Wait for it.") from error
        try:
            yield
        finally:
            # Somebody who took it meanwhile keeps it.
            with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
                self._dynamodb.delete_item(
                    TableName=self._table,
                    Key=_KEY,
                    ConditionExpression="began_at = :began_at",
                    ExpressionAttributeValues={":began_at": began_at},
                )
