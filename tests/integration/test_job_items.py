"""How jobs lie in DynamoDB: what the workflow's own writes, the listing index and deletion rely on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from promptmill.jobs.model import JobStatus
from promptmill.jobs.store import JobStore
from tests.integration.tables import client
from tests.support.builders import AT, AT_MS, COST, OWNER, TEXT_RESULT, TEXT_USAGE, a_call, a_job
from tests.unit.core.asl import evaluate, states

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptmill.jobs.model import Job


def items(dynamodb: Any, table: str, job: Job) -> dict[str, dict[str, Any]]:
    found = dynamodb.query(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"JOB#{job.id}"}},
    )["Items"]
    return {item["sk"]["S"]: item for item in found}


def with_everything(store: JobStore) -> Job:
    job = a_job("running")
    store.add(job)
    store.put_request(job, {"form": "text"}, models=["rules"])
    assert store.start_call(job, a_call(1), cost=COST)
    return store.load_work(job.id).job


def test_everything_of_a_job_is_deleted_when_the_job_expires(
    dynamodb: Any, jobs_table: str, dynamodb_store: JobStore
) -> None:
    job = with_everything(dynamodb_store)
    found = items(dynamodb, jobs_table, job)
    assert set(found) == {"JOB", "REQUEST", "CALL#0001"}
    assert {item["expires_at"]["N"] for item in found.values()} == {str(job.expires_at_seconds)}


def test_only_the_job_itself_is_listed_under_its_owner_newest_first(
    dynamodb: Any, jobs_table: str, dynamodb_store: JobStore
) -> None:
    owner = "ip_of_this_test"
    listed = [a_job(owner=owner, id=f"job_01KAAAAAAAAAAAAAAAAAAAAAA{letter}") for letter in "AB"]
    for job in listed:
        dynamodb_store.add(job)
        dynamodb_store.put_request(job, {}, models=[])
    found = dynamodb.query(
        TableName=jobs_table,
        IndexName="gsi1",
        KeyConditionExpression="gsi1pk = :owner",
        ExpressionAttributeValues={":owner": {"S": f"OWNER#{owner}"}},
        ScanIndexForward=False,
    )["Items"]
    assert [item["gsi1sk"]["S"] for item in found] == [f"JOB#{job.id}" for job in reversed(listed)]
    assert "input" not in found[0]


def workflow_write(dynamodb: Any, table: str, state: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Makes the write of a workflow state with the very arguments of its definition."""
    arguments = evaluate(states()[state]["Arguments"], variables)
    written: dict[str, Any] = dynamodb.update_item(**{**arguments, "TableName": table})["Attributes"]
    return written


def variables_of(job: Job, **more: Any) -> dict[str, Any]:
    return {"job": {"job_id": job.id}, **more}


def test_persist_result_makes_a_job_succeed_that_the_store_then_reads(
    dynamodb: Any, jobs_table: str, dynamodb_store: JobStore
) -> None:
    job = with_everything(dynamodb_store)
    paid = a_call(1, "succeeded")
    assert dynamodb_store.finish_call(job, paid, cost=COST, result=TEXT_RESULT, usage=TEXT_USAGE)
    workflow_write(dynamodb, jobs_table, "PersistResult", variables_of(job))
    after = dynamodb_store.get(job.id, OWNER, at_ms=AT_MS)
    assert (after.status, after.result, after.cost) == ("succeeded", TEXT_RESULT, COST)
    assert after.finished_at is not None


@pytest.mark.parametrize("status", ["queued", "failed", "rejected", "canceled", "expired"])
def test_persist_result_never_overturns_another_end(
    dynamodb: Any, jobs_table: str, dynamodb_store: JobStore, status: str
) -> None:
    job = a_job(status)
    dynamodb_store.add(job)
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException):
        workflow_write(dynamodb, jobs_table, "PersistResult", variables_of(job))
    assert dynamodb_store.get(job.id, OWNER, at_ms=AT_MS) == job


@pytest.mark.parametrize(
    ("state", "more", "status", "error"),
    [
        ("RecordFailure", {"failure": {"Error": "ProviderTimeout"}}, "failed", "provider_timeout"),
        ("RecordFailure", {"failure": {"Error": "DeadlinePassed"}}, "expired", "deadline_passed"),
        ("RecordRejection", {"refusal": "content_blocked"}, "rejected", "content_blocked"),
    ],
)
def test_what_the_workflow_records_is_a_job_the_store_reads(
    dynamodb: Any,
    jobs_table: str,
    dynamodb_store: JobStore,
    state: str,
    more: dict[str, Any],
    status: str,
    error: str,
) -> None:
    job = with_everything(dynamodb_store)
    workflow_write(dynamodb, jobs_table, state, variables_of(job, step="InvokeBedrock", **more))
    after = dynamodb_store.get(job.id, OWNER, at_ms=AT_MS)
    assert (after.status, after.error) == (status, {"code": error, "step": "InvokeBedrock"})
    # The cost a call left when it began stays: a crash during it is not free.
    assert after.cost == COST


@pytest.mark.parametrize("state", ["RecordFailure", "RecordRejection"])
def test_a_job_that_ends_without_a_call_cost_nothing(
    dynamodb: Any, jobs_table: str, dynamodb_store: JobStore, state: str
) -> None:
    job = a_job("queued")
    dynamodb_store.add(job)
    more = {"failure": {"Error": "ModelNotFound"}, "refusal": "rate_limited", "step": "CheckRate"}
    written = workflow_write(dynamodb, jobs_table, state, variables_of(job, **more))
    assert json.loads(written["cost"]["S"]) == {"model_usd": "0", "estimated": False}
    assert dynamodb_store.get(job.id, OWNER, at_ms=AT_MS).cost == {"model_usd": "0", "estimated": False}


class CountedCalls:
    """Counts what AWS bills: the requests a client sends."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, *, model: Any, **_: Any) -> None:
        self.names.append(model.name)


@pytest.fixture
def counted(aws: None, jobs_table: str) -> Iterator[tuple[JobStore, CountedCalls]]:
    counting, made = client("dynamodb"), CountedCalls()
    counting.meta.events.register("before-call.dynamodb", made)
    yield JobStore(jobs_table, counting), made
    counting.close()


def test_every_use_of_the_store_is_one_call(counted: tuple[JobStore, CountedCalls]) -> None:
    store, made = counted
    job = a_job()
    store.add(job)
    store.get(job.id, OWNER, at_ms=AT_MS)
    assert store.begin(job.id, at=AT, step="AssemblePrompt")
    job = replace(job, status=JobStatus.RUNNING, started_at=AT, step="AssemblePrompt")
    store.put_request(job, {}, models=[])
    store.load_work(job.id)
    assert store.start_call(job, a_call(1), cost=COST)
    assert store.finish_call(store.load_work(job.id).job, a_call(1, "failed"), cost=COST)
    store.load_source(job.id, OWNER, at_ms=AT_MS)
    assert made.names == [
        "PutItem",
        "Query",
        "UpdateItem",
        "PutItem",
        "Query",
        "TransactWriteItems",
        "Query",
        "TransactWriteItems",
        "Query",
    ]
