"""Erasing the jobs of a user in DynamoDB, with all that lies beside them.

Every method raises ``StoreUnavailable`` when DynamoDB does not answer as it should.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.gateway import aws_client, delete_items, store_errors
from promptmill.jobs.records import key, owner_pk, pk
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

_JOB = "JOB"


class ErasureStore:
    def __init__(self, jobs_table: str, client: Any) -> None:
        self._jobs_table = jobs_table
        self._client = client

    def jobs_of(self, owner: str, *, limit: int) -> list[str]:
        """The ids of the owner's oldest jobs, as the index has them: it learns of a change a moment later."""
        with store_errors():
            answer = self._client.query(
                TableName=self._jobs_table,
                IndexName="gsi1",
                KeyConditionExpression="gsi1pk = :owner",
                ExpressionAttributeValues={":owner": {"S": owner_pk(owner)}},
                ProjectionExpression="pk",
                Limit=limit,
            )
        return [item["pk"]["S"].removeprefix("JOB#") for item in answer["Items"]]

    def erase_job(self, job_id: str, owner: str) -> None:
        """Deletes all that is stored of the owner's job. The job itself goes last, for the rest is found through it."""
        for page in self._sort_keys(job_id):
            beside = [key(job_id, sort_key) for sort_key in page if sort_key != _JOB]
            delete_items(self._client, self._jobs_table, beside)
        with store_errors(), suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.delete_item(
                TableName=self._jobs_table,
                Key=key(job_id, _JOB),
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": owner}},
            )

    def _sort_keys(self, job_id: str) -> Iterator[list[str]]:
        """What lies in the job's partition, a page at a time."""
        query: dict[str, Any] = {
            "TableName": self._jobs_table,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": pk(job_id)}},
            "ProjectionExpression": "sk",
            "ConsistentRead": True,
        }
        while True:
            with store_errors():
                answer = self._client.query(**query)
            yield [item["sk"]["S"] for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


@cache
def erasure_store() -> ErasureStore:
    """This process's store."""
    (jobs_table,) = settings().require("jobs_table")
    return ErasureStore(jobs_table, aws_client("dynamodb"))
