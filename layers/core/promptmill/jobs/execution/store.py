"""The ledger of a job in DynamoDB: key ``JOB#<id>``, ``CALL#nnnn``. ``jobs.store`` writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptmill.gateway import store_errors
from promptmill.jobs.records import call_of, pk

if TYPE_CHECKING:
    from promptmill.jobs.ledger import Call


class LedgerStore:
    def __init__(self, table: str, client: Any) -> None:
        self._table = table
        self._client = client

    def calls(self, job_id: str) -> tuple[Call, ...]:
        """The job's calls, first one first, in one consistent query; raises ``StoreUnavailable``."""
        with store_errors():
            items = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :call)",
                ExpressionAttributeValues={":pk": {"S": pk(job_id)}, ":call": {"S": "CALL#"}},
                ConsistentRead=True,
            )["Items"]
        return tuple(call_of(item) for item in items)
