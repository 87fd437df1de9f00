"""Jobs in DynamoDB. Key ``JOB#<id>``: the job (``JOB``), its provider request (``REQUEST``), its calls (``CALL#nnnn``).

The text chunks of ``jobs.streaming`` are there too.

Every method raises ``StoreUnavailable`` when DynamoDB does not answer as it should.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.clock import now_ms
from promptmill.errors import JobNotFound, JobStateBroken, StoreUnavailable
from promptmill.gateway import aws_client, error_code, store_errors
from promptmill.jobs.model import Job, JobStatus
from promptmill.jobs.reach import Reach
from promptmill.jobs.records import NOTHING_PAID, call_item, call_of, job_item, job_of, key, pk, to_json
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptmill.jobs.ledger import Call
    from promptmill.jobs.records import Item

_ACTIVE = {":queued": {"S": JobStatus.QUEUED.value}, ":running": {"S": JobStatus.RUNNING.value}}


@dataclass(frozen=True, slots=True)
class StoredWork:
    """All a provider step needs, from one query. ``request`` and ``models`` (best first) are AssemblePrompt's."""

    job: Job
    request: dict[str, Any] | None
    models: tuple[str, ...]
    calls: tuple[Call, ...]


class JobStore:
    def __init__(self, table: str, client: Any) -> None:
        self._table = table
        self._client = client

    def add(self, job: Job) -> None:
        """Stores a new job; never overwrites one.

        A write whose answer was lost is tried again by the SDK and then meets itself, which counts as stored.
        """
        item = job_item(job)
        with store_errors():
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(pk)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as error:
                if error.response.get("Item") != item:
                    raise StoreUnavailable("the id is taken") from error

    def add_action(self, job: Job) -> dict[str, Any]:
        """``add`` as an action of a transaction that another store makes."""
        return {
            "Put": {
                "TableName": self._table,
                "Item": job_item(job),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }

    def get(self, job_id: str, owner: str | None, *, at_ms: int | None = None) -> Job:
        """The owner's job in one consistent read; anybody's for None.

        Raises ``JobNotFound``, for another owner's job and for one past its expiry as well.
        """
        reach = _reach(owner, at_ms)
        with store_errors():
            items = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk = :sk",
                ExpressionAttributeValues={":pk": {"S": pk(job_id)}, ":sk": {"S": "JOB"}, **reach.values},
                ConsistentRead=True,
                **reach.filter(reach.condition),
            )["Items"]
        if not items:
            raise JobNotFound
        return job_of(items[0])

    def begin(self, job_id: str, *, at: str, step: str) -> Job | None:
        """Marks the job running and returns it, or as it is when it is over; None when it is gone."""
        with store_errors():
            try:
                item = self._client.update_item(
                    TableName=self._table,
                    Key=key(job_id, "JOB"),
                    UpdateExpression=(
                        "SET #status = :running, started_at = if_not_exists(started_at, :at), step = :step"
                    ),
                    ConditionExpression="#status IN (:queued, :running)",
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues={**_ACTIVE, ":at": {"S": at}, ":step": {"S": step}},
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )["Attributes"]
            except self._client.exceptions.ConditionalCheckFailedException as refusal:
                item = refusal.response.get("Item")
        return job_of(item) if item else None

    def put_request(self, job: Job, request: dict[str, Any], *, models: Sequence[str]) -> None:
        """Writes the provider request beside its job, with the models to try; twice is harmless.

        The same job assembles the same request.
        """
        with store_errors():
            self._client.put_item(
                TableName=self._table,
                Item={
                    **key(job.id, "REQUEST"),
                    "request": {"S": to_json(request)},
                    "models": {"S": to_json(list(models))},
                    "expires_at": {"N": str(job.expires_at_seconds)},
                },
            )

    def load_work(self, job_id: str) -> StoredWork:
        """The job, its request and its ledger, read consistently; raises ``JobStateBroken`` without a job."""
        work = _work_of(self._items(job_id))
        if work is None:
            raise JobStateBroken
        return work

    def load_source(self, job_id: str, owner: str | None, *, at_ms: int | None = None) -> StoredWork:
        """The job that is to be replayed or redriven, as ``load_work`` has it.

        Whose it is, and ``JobNotFound``, are as for ``get``.
        """
        reach = _reach(owner, at_ms)
        # Only the job says whose it is, and without it the rest is not used.
        asked = reach.filter(reach.condition_below)
        items = self._items(job_id, ExpressionAttributeValues=reach.values, **asked)
        work = _work_of(items)
        if work is None:
            raise JobNotFound
        return work

    def start_call(self, job: Job, call: Call, *, cost: dict[str, Any]) -> bool:
        """Writes the ledger row, and step and cost on the job, in one transaction, before anything is paid.

        False, and nothing is written, when the job is not as given any more: it is over, has a result, or another run
        of the step wrote to its ledger. The cost counts the call already, so a crash during it leaves it counted.
        """
        update = {
            "UpdateExpression": "SET step = :step, cost = :cost",
            "ConditionExpression": f"#status = :running AND attribute_not_exists(#result) AND {_same_cost(job)}",
            "ExpressionAttributeNames": {"#status": "status", "#result": "result"},
            "ExpressionAttributeValues": {
                **_known_cost(job),
                ":running": _ACTIVE[":running"],
                ":step": {"S": call.step},
                ":cost": {"S": to_json(cost)},
            },
        }
        return self._write_with_row(job, update, call_item(job, call), ConditionExpression="attribute_not_exists(pk)")

    def finish_call(
        self,
        job: Job,
        call: Call,
        *,
        cost: dict[str, Any],
        result: dict[str, Any] | None = None,
        usage: dict[str, Any] | None = None,
    ) -> bool:
        """Settles the ledger row and the job's cost in one transaction; with a result, writes result and usage too.

        False, and nothing is written, when the job's cost is not as given any more, or, with a result, when the job is
        over or has one. Without a result it does not matter what became of the job: what was paid is settled.
        """
        update: dict[str, Any] = {
            "UpdateExpression": "SET cost = :cost",
            "ConditionExpression": _same_cost(job),
            "ExpressionAttributeValues": {**_known_cost(job), ":cost": {"S": to_json(cost)}},
        }
        if result is not None:
            update["UpdateExpression"] += ", #result = :result, #usage = :usage"
            update["ConditionExpression"] += " AND #status = :running AND attribute_not_exists(#result)"
            update["ExpressionAttributeNames"] = {"#status": "status", "#result": "result", "#usage": "usage"}
            update["ExpressionAttributeValues"] |= {
                ":running": _ACTIVE[":running"],
                ":result": {"S": to_json(result)},
                ":usage": {"S": to_json(usage)},
            }
        return self._write_with_row(job, update, call_item(job, call))

    def settle_unstarted(self, job_id: str, *, at: str, error: dict[str, Any]) -> bool:
        """Marks a job failed whose execution could not be started; False when its execution is at work after all.

        As in ``add``, a write whose answer was lost may meet itself.
        """
        with store_errors():
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=key(job_id, "JOB"),
                    UpdateExpression=(
                        "SET #status = :failed, finished_at = :at, #error = :error, cost = if_not_exists(cost, :free)"
                    ),
                    ConditionExpression="#status = :queued",
                    ExpressionAttributeNames={"#status": "status", "#error": "error"},
                    ExpressionAttributeValues={
                        ":failed": {"S": JobStatus.FAILED.value},
                        ":queued": _ACTIVE[":queued"],
                        ":at": {"S": at},
                        ":error": {"S": to_json(error)},
                        ":free": {"S": to_json(NOTHING_PAID)},
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as refusal:
                stored: Item = refusal.response.get("Item", {})
                return stored.get("error") == {"S": to_json(error)}
        return True

    def _items(self, job_id: str, **query: Any) -> list[Item]:
        """What is stored under a job's key; the text that its calls passed on can make it more than one page."""
        query["ExpressionAttributeValues"] = {":pk": {"S": pk(job_id)}, **query.get("ExpressionAttributeValues", {})}
        items: list[Item] = []
        while True:
            with store_errors():
                page = self._client.query(
                    TableName=self._table, KeyConditionExpression="pk = :pk", ConsistentRead=True, **query
                )
            items += page["Items"]
            if "LastEvaluatedKey" not in page:
                return items
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _write_with_row(self, job: Job, update: dict[str, Any], row: Item, **condition: str) -> bool:
        """One transaction on the job and a ledger row; False when a condition failed or another write was under way."""
        from botocore.exceptions import ClientError

        job_update = {"Update": {"TableName": self._table, "Key": key(job.id, "JOB"), **update}}
        row_put = {"Put": {"TableName": self._table, "Item": row, **condition}}
        with store_errors():
            try:
                self._client.transact_write_items(TransactItems=[job_update, row_put])
            except ClientError as error:
                if error_code(error) != "TransactionCanceledException":
                    raise
                reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
                if reasons & {"ConditionalCheckFailed", "TransactionConflict"}:
                    return False
                raise StoreUnavailable(f"the transaction was canceled: {sorted(map(str, reasons))}") from error
        return True


@cache
def job_store(*, attempts: int = 1) -> JobStore:
    """This process's store; ``attempts`` of each call, the first one too."""
    (table,) = settings().require("jobs_table")
    return JobStore(table, aws_client("dynamodb", attempts=attempts))


def _reach(owner: str | None, at_ms: int | None) -> Reach:
    return Reach(owner, (now_ms() if at_ms is None else at_ms) // 1000)


def _work_of(items: Sequence[Item]) -> StoredWork | None:
    """What the items of one job say; None when the job itself is not among them."""
    by_key = {item["sk"]["S"]: item for item in items}
    if "JOB" not in by_key:
        return None
    request = by_key.get("REQUEST")
    return StoredWork(
        job=job_of(by_key["JOB"]),
        request=json.loads(request["request"]["S"]) if request else None,
        models=tuple(json.loads(request["models"]["S"])) if request else (),
        calls=tuple(call_of(item) for sort_key, item in sorted(by_key.items()) if sort_key.startswith("CALL#")),
    )


def _same_cost(job: Job) -> str:
    """The condition that nobody wrote to the job's ledger since it was read: every call changes the cost."""
    return "attribute_not_exists(cost)" if job.cost is None else "cost = :known_cost"


def _known_cost(job: Job) -> Item:
    return {} if job.cost is None else {":known_cost": {"S": to_json(job.cost)}}
