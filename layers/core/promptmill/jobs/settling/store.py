"""Settling jobs from outside their executions, and the index of open jobs (``gsi2``: ``OPEN#<shard>``, by when due).

Every method raises ``StoreUnavailable`` when DynamoDB does not answer as it should.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.errors import JobNotFound
from promptmill.gateway import aws_client, store_errors
from promptmill.jobs.model import Job, JobStatus
from promptmill.jobs.records import NOTHING_PAID, job_of, key, open_pk, open_shard, to_json
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptmill.jobs.reach import Reach
    from promptmill.jobs.records import Item


class SettlingStore:
    def __init__(self, table: str, client: Any) -> None:
        self._table = table
        self._client = client

    def load(self, job_id: str) -> Job | None:
        """The job in one consistent read, whosever it is."""
        with store_errors():
            item = self._client.get_item(TableName=self._table, Key=key(job_id, "JOB"), ConsistentRead=True).get("Item")
        return job_of(item) if item else None

    def settle(
        self,
        job_id: str,
        status: JobStatus,
        *,
        at: str,
        due_at: str,
        error: dict[str, Any] | None = None,
        reach: Reach | None = None,
    ) -> tuple[Job, bool]:
        """Gives the job this terminal status unless it has one; the job as it then is, and whether this call did it.

        The job stays open, for its event is not out. Success needs a result. Raises ``JobNotFound``, also for a job out
        of this reach; None is any job at all. A write whose answer was lost may meet itself, and then did it.
        """
        names = {"#status": "status", "#error": "error"}
        values: Item = {
            ":status": {"S": status.value},
            ":queued": {"S": JobStatus.QUEUED.value},
            ":running": {"S": JobStatus.RUNNING.value},
            ":at": {"S": at},
            ":free": {"S": to_json(NOTHING_PAID)},
            ":open": {"S": open_pk(open_shard(job_id))},
            ":due": {"S": due_at},
        }
        update = "SET #status = :status, finished_at = :at, gsi2pk = :open, gsi2sk = :due"
        update += ", cost = if_not_exists(cost, :free)"
        condition = "#status IN (:queued, :running)"
        if error is None:
            del names["#error"]
        else:
            update += ", #error = :error"
            values[":error"] = {"S": to_json(error)}
        if status is JobStatus.SUCCEEDED:
            condition += " AND attribute_exists(#result)"
            names["#result"] = "result"
        if reach is not None:
            condition += f" AND {reach.condition}"
            names |= reach.names
            values |= reach.values
        with store_errors():
            try:
                item = self._client.update_item(
                    TableName=self._table,
                    Key=key(job_id, "JOB"),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )["Attributes"]
            except self._client.exceptions.ConditionalCheckFailedException as refusal:
                stored: Item = refusal.response.get("Item", {})
                job = job_of(stored) if stored else None
                if job is None or (reach is not None and not reach.covers(job)):
                    raise JobNotFound from None
                return job, (job.status, job.finished_at) == (status, at)
        return job_of(item), True

    def close(self, job_id: str) -> None:
        """Takes the job out of the index of open jobs; one that is not there, or is gone, is fine."""
        with store_errors(), suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.update_item(
                TableName=self._table,
                Key=key(job_id, "JOB"),
                UpdateExpression="REMOVE gsi2pk, gsi2sk",
                ConditionExpression="attribute_exists(pk)",
            )

    def postpone(self, job_id: str, due_at: str) -> None:
        """Has the sweeper look at an open job then, and not before."""
        with store_errors(), suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.update_item(
                TableName=self._table,
                Key=key(job_id, "JOB"),
                UpdateExpression="SET gsi2sk = :due",
                ConditionExpression="attribute_exists(gsi2pk)",
                ExpressionAttributeValues={":due": {"S": due_at}},
            )

    def due(self, shard: int, at: str, *, page_size: int) -> Iterator[list[str]]:
        """The ids of the open jobs of a shard that are due, the longest overdue first, a page at a time."""
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": "gsi2",
            "KeyConditionExpression": "gsi2pk = :open AND gsi2sk <= :at",
            "ExpressionAttributeValues": {":open": {"S": open_pk(shard)}, ":at": {"S": at}},
            "Limit": page_size,
        }
        while True:
            with store_errors():
                answer = self._client.query(**query)
            yield [item["pk"]["S"].removeprefix("JOB#") for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


@cache
def settling_store(*, attempts: int = 1) -> SettlingStore:
    """This process's store; ``attempts`` of each call, the first one too."""
    (table,) = settings().require("jobs_table")
    return SettlingStore(table, aws_client("dynamodb", attempts=attempts))
