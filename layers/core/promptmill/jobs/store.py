"""Jobs in DynamoDB. Key ``JOB#<id>``: the job (``JOB``), its provider request (``REQUEST``), its calls (``CALL#nnnn``).

What is nested is one JSON string per attribute, so that numbers keep their form and the workflow can write them too.
Every method raises ``StoreUnavailable`` when DynamoDB does not answer as it should.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from promptmill.errors import JobNotFound, JobSettled, JobStateBroken
from promptmill.gateway import aws_client, error_code, store_errors
from promptmill.jobs.ledger import Call, CallStatus
from promptmill.jobs.model import Job, JobStatus
from promptmill.settings import settings

Item = dict[str, dict[str, str]]

_JSON_FIELDS = ("input", "metadata", "result", "error", "usage", "cost")
_TEXT_FIELDS = ("kind", "status", "owner", "created_at", "deadline_at", "started_at", "finished_at", "step")
_CALL_TEXT_FIELDS = ("step", "model", "status", "started_at", "finished_at", "error", "provider_request_id")
_ACTIVE = {":queued": {"S": JobStatus.QUEUED.value}, ":running": {"S": JobStatus.RUNNING.value}}


@dataclass(frozen=True, slots=True)
class StoredWork:
    """All a provider step needs, from one query. ``request`` is what AssemblePrompt wrote."""

    job: Job
    request: dict[str, Any] | None
    calls: tuple[Call, ...]


class JobStore:
    def __init__(self, table: str, client: Any) -> None:
        self._table = table
        self._client = client

    def add(self, job: Job) -> None:
        """Stores a new job. The conditional write makes a repeated id an error, never an overwrite."""
        with store_errors():
            self._client.put_item(
                TableName=self._table, Item=_job_item(job), ConditionExpression="attribute_not_exists(pk)"
            )

    def get(self, job_id: str, owner: str) -> Job:
        """The owner's job in one consistent read; raises ``JobNotFound``, for another owner's job as well."""
        with store_errors():
            items = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk = :sk",
                FilterExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":pk": {"S": _pk(job_id)}, ":sk": {"S": "JOB"}, ":owner": {"S": owner}},
                ConsistentRead=True,
            )["Items"]
        if not items:
            raise JobNotFound
        return _job(items[0])

    def begin(self, job_id: str, *, at: str, step: str) -> Job:
        """Marks the job running and returns it; raises ``JobSettled`` when it is past that."""
        with store_errors():
            try:
                item = self._client.update_item(
                    TableName=self._table,
                    Key=_key(job_id, "JOB"),
                    UpdateExpression=(
                        "SET #status = :running, started_at = if_not_exists(started_at, :at), step = :step"
                    ),
                    ConditionExpression="#status IN (:queued, :running)",
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues={**_ACTIVE, ":at": {"S": at}, ":step": {"S": step}},
                    ReturnValues="ALL_NEW",
                )["Attributes"]
            except self._client.exceptions.ConditionalCheckFailedException as error:
                raise JobSettled from error
        return _job(item)

    def put_request(self, job: Job, request: dict[str, Any]) -> None:
        """Writes the provider request beside its job; the same job assembles the same request, so twice is harmless."""
        with store_errors():
            self._client.put_item(
                TableName=self._table,
                Item={
                    **_key(job.id, "REQUEST"),
                    "request": {"S": _json(request)},
                    "expires_at": {"N": str(job.expires_at_seconds)},
                },
            )

    def load_work(self, job_id: str) -> StoredWork:
        """The job, its request and its ledger in one consistent query; raises ``JobStateBroken`` without a job."""
        with store_errors():
            items = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": _pk(job_id)}},
                ConsistentRead=True,
            )["Items"]
        by_key = {item["sk"]["S"]: item for item in items}
        if "JOB" not in by_key:
            raise JobStateBroken
        request = by_key.get("REQUEST")
        return StoredWork(
            job=_job(by_key["JOB"]),
            request=json.loads(request["request"]["S"]) if request else None,
            calls=tuple(_call(item) for key, item in sorted(by_key.items()) if key.startswith("CALL#")),
        )

    def start_call(self, job: Job, call: Call) -> None:
        """Writes the ledger row and reports the step, in one transaction, while the job is still running.

        Raises ``JobSettled`` when it no longer is, so that nothing is paid for a job that is over.
        """
        with store_errors():
            self._transact(
                [
                    {
                        "Update": {
                            "TableName": self._table,
                            "Key": _key(job.id, "JOB"),
                            "UpdateExpression": "SET step = :step",
                            "ConditionExpression": "#status = :running",
                            "ExpressionAttributeNames": {"#status": "status"},
                            "ExpressionAttributeValues": {":running": _ACTIVE[":running"], ":step": {"S": call.step}},
                        }
                    },
                    {
                        "Put": {
                            "TableName": self._table,
                            "Item": _call_item(job, call),
                            "ConditionExpression": "attribute_not_exists(pk)",
                        }
                    },
                ]
            )

    def finish_call(
        self,
        job: Job,
        call: Call,
        *,
        cost: dict[str, Any],
        result: dict[str, Any] | None = None,
        usage: dict[str, Any] | None = None,
    ) -> None:
        """Settles the ledger row and, with a result, writes result and usage on the job: once, the first one stays.

        What was paid is settled whatever became of the job meanwhile; a job that is over gets its cost, not a result.
        """
        row = {"Put": {"TableName": self._table, "Item": _call_item(job, call)}}
        if result is not None:
            update = {
                "TableName": self._table,
                "Key": _key(job.id, "JOB"),
                "UpdateExpression": "SET #result = :result, #usage = :usage, cost = :cost",
                "ConditionExpression": "#status = :running AND attribute_not_exists(#result)",
                "ExpressionAttributeNames": {"#status": "status", "#result": "result", "#usage": "usage"},
                "ExpressionAttributeValues": {
                    ":running": _ACTIVE[":running"],
                    ":result": {"S": _json(result)},
                    ":usage": {"S": _json(usage)},
                    ":cost": {"S": _json(cost)},
                },
            }
            try:
                with store_errors():
                    self._transact([{"Update": update}, row])
            except JobSettled:
                self.finish_call(job, call, cost=cost)
                raise
            return
        update = {
            "TableName": self._table,
            "Key": _key(job.id, "JOB"),
            "UpdateExpression": "SET cost = :cost",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": {":cost": {"S": _json(cost)}},
        }
        with store_errors():
            self._transact([{"Update": update}, row])

    def settle_unstarted(self, job_id: str, *, at: str, error: dict[str, Any]) -> None:
        """Marks a job failed whose execution could not be started, unless its execution is at work after all."""
        with store_errors():
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(job_id, "JOB"),
                    UpdateExpression="SET #status = :failed, finished_at = :at, #error = :error",
                    ConditionExpression="#status = :queued",
                    ExpressionAttributeNames={"#status": "status", "#error": "error"},
                    ExpressionAttributeValues={
                        ":failed": {"S": JobStatus.FAILED.value},
                        ":queued": _ACTIVE[":queued"],
                        ":at": {"S": at},
                        ":error": {"S": _json(error)},
                    },
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return

    def _transact(self, actions: list[dict[str, Any]]) -> None:
        """Raises ``JobSettled`` when the first action's condition, the one on the job, failed."""
        from botocore.exceptions import ClientError

        from promptmill.errors import StoreUnavailable

        try:
            self._client.transact_write_items(TransactItems=actions)
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise
            reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            if reasons and reasons[0] == "ConditionalCheckFailed":
                raise JobSettled from error
            # The other reasons are a ledger number taken by a concurrent run of the same step, and contention.
            raise StoreUnavailable(f"the transaction was canceled: {reasons}") from error


@cache
def job_store() -> JobStore:
    """This process's store."""
    (table,) = settings().require("jobs_table")
    return JobStore(table, aws_client("dynamodb"))


def _pk(job_id: str) -> str:
    return f"JOB#{job_id}"


def _key(job_id: str, sort_key: str) -> Item:
    return {"pk": {"S": _pk(job_id)}, "sk": {"S": sort_key}}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _job_item(job: Job) -> Item:
    item = {
        **_key(job.id, "JOB"),
        "job_id": {"S": job.id},
        "expires_at": {"N": str(job.expires_at_seconds)},
        "gsi1pk": {"S": f"OWNER#{job.owner}"},
        "gsi1sk": {"S": _pk(job.id)},
    }
    for name in _TEXT_FIELDS:
        if (text := getattr(job, name)) is not None:
            item[name] = {"S": str(text)}
    for name in _JSON_FIELDS:
        if (value := getattr(job, name)) is not None:
            item[name] = {"S": _json(value)}
    return item


def _job(item: Item) -> Job:
    fields: dict[str, Any] = {name: item[name]["S"] for name in _TEXT_FIELDS if name in item}
    fields |= {name: json.loads(item[name]["S"]) for name in _JSON_FIELDS if name in item}
    fields["status"] = JobStatus(fields["status"])
    return Job(id=item["job_id"]["S"], expires_at_seconds=int(item["expires_at"]["N"]), **fields)


def _call_item(job: Job, call: Call) -> Item:
    item = {
        **_key(job.id, f"CALL#{call.number:04d}"),
        "number": {"N": str(call.number)},
        "upper_bound_usd": {"S": f"{call.upper_bound_usd:f}"},
        "estimated": {"S": "true" if call.estimated else "false"},
        "expires_at": {"N": str(job.expires_at_seconds)},
    }
    if call.cost_usd is not None:
        item["cost_usd"] = {"S": f"{call.cost_usd:f}"}
    for name in _CALL_TEXT_FIELDS:
        if (text := getattr(call, name)) is not None:
            item[name] = {"S": str(text)}
    return item


def _call(item: Item) -> Call:
    fields: dict[str, Any] = {name: item[name]["S"] for name in _CALL_TEXT_FIELDS if name in item}
    fields["status"] = CallStatus(fields["status"])
    return Call(
        number=int(item["number"]["N"]),
        upper_bound_usd=Decimal(item["upper_bound_usd"]["S"]),
        cost_usd=Decimal(item["cost_usd"]["S"]) if "cost_usd" in item else None,
        estimated=item["estimated"]["S"] == "true",
        **fields,
    )
