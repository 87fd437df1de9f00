"""The workflow's own writes to a job, in every status: DynamoDB and the model of it in memory do the same."""

from __future__ import annotations

from typing import Any

import pytest

from promptmill.jobs.intake import initial_state
from promptmill.jobs.records import job_item, key
from tests.support.builders import AT_MS, COST, a_job, some_limits
from tests.support.update_item import update_item
from tests.unit.core.asl import evaluate, states

STATUSES = ["queued", "running", "succeeded", "failed", "rejected", "canceled", "expired"]
JOBS_TABLE = "${JobsTableName}"


def update_of(name: str) -> dict[str, Any] | None:
    """The arguments of the state's write to a job, which may be part of a transaction."""
    arguments = states()[name].get("Arguments", {})
    updates = [arguments, *(one["Update"] for one in arguments.get("TransactItems", []))]
    return next((update for update in updates if update.get("TableName") == JOBS_TABLE), None)


WRITES = [name for name in states() if update_of(name)]


def test_these_are_the_writes() -> None:
    assert WRITES == ["PersistResult", "CloseSucceeded", "RecordRejection", "RecordFailure", "CloseJob"]


@pytest.mark.parametrize("failure", ["ProviderTimeout", "DeadlinePassed"])
@pytest.mark.parametrize("cost", [None, COST])
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("name", WRITES)
def test_a_write_does_the_same_in_dynamodb_and_in_memory(
    dynamodb: Any, jobs_table: str, name: str, status: str, cost: dict[str, Any] | None, failure: str
) -> None:
    job = a_job(status, cost=cost)
    variables = {
        "job": initial_state(job, some_limits()),
        "failure": {"Error": failure},
        "refusal": "rate_limited",
        "step": "CheckRate",
    }
    arguments = {**evaluate(update_of(name), variables, at_ms=AT_MS + 5_000), "TableName": jobs_table}
    dynamodb.put_item(TableName=jobs_table, Item=job_item(job))
    modelled = update_item(dict(job_item(job)), arguments)
    try:
        answer = dynamodb.update_item(**arguments)
    except dynamodb.exceptions.ConditionalCheckFailedException:
        assert modelled is None
    else:
        assert modelled is not None
        # DynamoDB returns every attribute the expression sets, moto those whose value is another than before.
        assert answer.get("Attributes", {}).items() <= modelled[1].items()
    stored = dynamodb.get_item(TableName=jobs_table, Key=key(job.id, "JOB"))["Item"]
    assert stored == (job_item(job) if modelled is None else modelled[0])
