"""Idempotency records in DynamoDB, under ``IDEM#<owner>#<digest of the key>``: a key is its owner's alone."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import cache
from typing import Any

from promptmill.errors import RequestInFlight, StoreUnavailable
from promptmill.gateway import EDGE_ATTEMPTS, aws_client, error_code, store_errors
from promptmill.idempotency.record import IdempotencyRecord
from promptmill.settings import settings

Item = dict[str, dict[str, Any]]


class IdempotencyStore:
    """Every method raises ``StoreUnavailable`` when DynamoDB does not answer as it should."""

    def __init__(self, table: str, client: Any) -> None:
        self._table = table
        self._client = client

    def take(
        self, owner: str, key: str, record: IdempotencyRecord, *, beside: dict[str, Any], at_ms: int
    ) -> IdempotencyRecord | None:
        """Writes the record and, in the same transaction, what ``beside`` says; None when both are written.

        When the key is taken, nothing is written and the record it has is returned; one past its expiry does not count.
        Raises ``RequestInFlight`` when another transaction on the key is under way.
        """
        from botocore.exceptions import ClientError

        put = {
            "TableName": self._table,
            "Item": _item(owner, key, record),
            "ConditionExpression": "attribute_not_exists(pk) OR expires_at <= :now",
            "ExpressionAttributeValues": {":now": {"N": str(at_ms // 1000)}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        with store_errors():
            try:
                self._client.transact_write_items(TransactItems=[{"Put": put}, beside])
            except ClientError as error:
                if error_code(error) != "TransactionCanceledException":
                    raise
                reasons: Any = error.response.get("CancellationReasons", [])
                if reasons and reasons[0].get("Code") == "ConditionalCheckFailed":
                    return _record(reasons[0]["Item"])
                if any(reason.get("Code") == "TransactionConflict" for reason in reasons):
                    raise RequestInFlight from error
                codes = [reason.get("Code") for reason in reasons]
                raise StoreUnavailable(f"the transaction was canceled: {codes}") from error
        return None

    def get(self, owner: str, key: str, *, at_ms: int) -> IdempotencyRecord | None:
        """The record of a key, unless it is past its expiry."""
        with store_errors():
            item = self._client.get_item(TableName=self._table, Key=_key(owner, key), ConsistentRead=True).get("Item")
        record = _record(item) if item else None
        return record if record and record.expires_at_seconds > at_ms // 1000 else None

    def mark_started(self, owner: str, key: str, job_id: str) -> None:
        """Says that the job's execution is there; nothing happens when the key has come to another job since."""
        with store_errors(), suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.update_item(
                TableName=self._table,
                Key=_key(owner, key),
                UpdateExpression="SET started = :yes",
                ConditionExpression="job_id = :job_id",
                ExpressionAttributeValues={":yes": {"BOOL": True}, ":job_id": {"S": job_id}},
            )

    def release(self, owner: str, key: str, job_id: str) -> None:
        """Forgets the key of a job that could not be started, so that the same request makes a new one."""
        with store_errors(), suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.delete_item(
                TableName=self._table,
                Key=_key(owner, key),
                ConditionExpression="job_id = :job_id",
                ExpressionAttributeValues={":job_id": {"S": job_id}},
            )


@cache
def idempotency_store() -> IdempotencyStore:
    """This process's store."""
    (table,) = settings().require("control_table")
    return IdempotencyStore(table, aws_client("dynamodb", attempts=EDGE_ATTEMPTS))


def _key(owner: str, key: str) -> Item:
    return {"pk": {"S": f"IDEM#{owner}#{hashlib.sha256(key.encode()).hexdigest()}"}}


def _item(owner: str, key: str, record: IdempotencyRecord) -> Item:
    return {
        **_key(owner, key),
        "job_id": {"S": record.job_id},
        "request_digest": {"S": record.request_digest},
        "lease_ends_ms": {"N": str(record.lease_ends_ms)},
        "expires_at": {"N": str(record.expires_at_seconds)},
        "started": {"BOOL": record.started},
    }


def _record(item: Item) -> IdempotencyRecord:
    return IdempotencyRecord(
        job_id=item["job_id"]["S"],
        request_digest=item["request_digest"]["S"],
        lease_ends_ms=int(item["lease_ends_ms"]["N"]),
        expires_at_seconds=int(item["expires_at"]["N"]),
        started=bool(item["started"]["BOOL"]),
    )
