"""The limits that hold for one user or API key in place of their plan's, as JSON in ``limits`` of their record.

``Caller.limits`` carries it. Every method raises ``StoreUnavailable`` when DynamoDB does not answer as it should, and
``SubjectNotFound`` when there is no such user or key.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from promptmill.clock import is_id
from promptmill.errors import SubjectNotFound
from promptmill.gateway import EDGE_ATTEMPTS, aws_client, store_errors
from promptmill.identity.api_keys.records import key_of
from promptmill.identity.users.store import key as user_key
from promptmill.settings import settings

_IS_THERE = "attribute_exists(pk) AND attribute_not_exists(deleted_at)"


class OverrideStore:
    """``subject`` is the id of a user or of an API key."""

    def __init__(self, table: str, client: Any) -> None:
        self._table = table
        self._client = client

    def get(self, subject: str) -> str:
        """The subject's own limits as JSON, empty for none."""
        with store_errors():
            item = self._client.get_item(TableName=self._table, Key=_record(subject), ConsistentRead=True).get("Item")
        if item is None or "deleted_at" in item:
            raise SubjectNotFound
        return str(item["limits"]["S"]) if "limits" in item else ""

    def put(self, subject: str, limits: str) -> None:
        """Makes ``limits`` the subject's own, whatever they were."""
        self._update(subject, "SET limits = :limits", ExpressionAttributeValues={":limits": {"S": limits}})

    def remove(self, subject: str) -> None:
        """Returns the subject to the limits of its plan."""
        self._update(subject, "REMOVE limits")

    def _update(self, subject: str, expression: str, **values: Any) -> None:
        with store_errors():
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=_record(subject),
                    UpdateExpression=expression,
                    ConditionExpression=_IS_THERE,
                    **values,
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                raise SubjectNotFound from None


def _record(subject: str) -> dict[str, Any]:
    return key_of(subject) if is_id("key", subject) else user_key(subject)


@cache
def override_store() -> OverrideStore:
    """This process's store."""
    (table,) = settings().require("library_table")
    return OverrideStore(table, aws_client("dynamodb", attempts=EDGE_ATTEMPTS))
