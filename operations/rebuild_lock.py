"""That one rebuild is at work at a time: an item beside the rollups, which no rebuild erases."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from promptmill.clock import now_ms, random_hex, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEY = {"pk": {"S": "REBUILD"}, "sk": {"S": "LOCK"}}
_CLAIM_BYTES = 16


class RebuildLock:
    """Every method raises botocore's errors."""

    def __init__(self, table: str, dynamodb: Any) -> None:
        self._table = table
        self._dynamodb = dynamodb
        self._claim: str | None = None

    def holder(self) -> str | None:
        """Whose rebuild is at work, and since when, for people; that of one that was killed too."""
        found = self._read()
        return f"{found['operator']['S']} at {found['began_at']['S']}" if found else None

    def is_mine(self) -> bool:
        """Whether nobody took it since it was entered."""
        return bool(self._read().get("claim") == {"S": self._claim})

    @contextmanager
    def held(self, operator: str, *, overrides: bool) -> Iterator[None]:
        """While entered, it is this operator's; ``overrides`` takes it from whoever has it.

        Raises a ``ClickException`` when somebody else has it.
        """
        claim = self._claim = random_hex(_CLAIM_BYTES)
        try:
            self._put(operator, claim, overrides=overrides)
            yield
        finally:
            # Somebody who has it, or took it meanwhile, keeps it.
            with suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
                self._dynamodb.delete_item(
                    TableName=self._table,
                    Key=_KEY,
                    ConditionExpression="claim = :claim",
                    ExpressionAttributeValues={":claim": {"S": claim}},
                )

    def _put(self, operator: str, claim: str, *, overrides: bool) -> None:
        item = {**_KEY, "operator": {"S": operator}, "began_at": {"S": timestamp(now_ms())}, "claim": {"S": claim}}
        # Sent again because its answer was lost, it is not refused for what it did itself.
        unless_taken = {
            "ConditionExpression": "attribute_not_exists(pk) OR claim = :claim",
            "ExpressionAttributeValues": {":claim": {"S": claim}},
        }
        try:
            self._dynamodb.put_item(TableName=self._table, Item=item, **({} if overrides else unless_taken))
        except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
            raise click.ClickException("Another rebuild has begun this moment. Wait for it.") from error

    def _read(self) -> dict[str, Any]:
        answer = self._dynamodb.get_item(TableName=self._table, Key=_KEY, ConsistentRead=True)
        item: dict[str, Any] = answer.get("Item", {})
        return item
