"""A job whose execution cannot be started is settled at once, and the caller may try again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from promptmill.http.schemas import Problem
from promptmill.jobs.model import JobStatus
from promptmill.jobs.store import JobStore
from tests.support.api import Api, new_address, user_at
from tests.support.in_process import api_event, in_process
from tests.support.inventory import take_inventory

if TYPE_CHECKING:
    from local.stack import Stack

NO_MACHINE = {"PROMPTMILL_STATE_MACHINE_ARN": "arn:aws:states:us-east-1:000000000000:stateMachine:promptmill-missing"}
NOBODY_THERE = {"AWS_ENDPOINT_URL_SFN": "http://127.0.0.1:9"}


@pytest.mark.parametrize("environment", [NO_MACHINE, NOBODY_THERE], ids=["no machine", "nobody there"])
@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/generate-prompt"])
def test_a_job_that_cannot_be_started_answers_503_and_is_settled_as_failed(
    stack: Stack, environment: dict[str, str], path: str
) -> None:
    address = new_address()
    body: dict[str, Any] = {"prompt": "Explain the offside rule to a visitor from Mars."}
    if path == "/v1/jobs":
        body["kind"] = "enhance"
    before = take_inventory(stack)
    event = api_event("POST", path, address=address, user=user_at(stack, address), body=json.dumps(body))
    with in_process(stack, "submit_job", **environment) as submit:
        answer = submit(event)
    after = take_inventory(stack)

    assert answer["statusCode"] == 503
    problem = Problem.model_validate_json(answer["body"])
    assert (problem.code, problem.retryable) == ("workflow_unavailable", True)
    assert int(_header(answer, "Retry-After")) >= 1
    assert _header(answer, "Content-Type") == "application/problem+json"
    assert (after.executions, after.jobs) == (before.executions, before.jobs + 1)
    (job,) = _jobs_of(stack, address)
    assert job.status is JobStatus.FAILED
    assert job.finished_at is not None
    assert job.error == {"code": "workflow_unavailable", "step": "StartExecution"}


def test_its_owner_reads_it_as_failed_and_retryable(stack: Stack) -> None:
    address = new_address()
    body = json.dumps({"kind": "enhance", "prompt": "Explain the offside rule to a visitor from Mars."})
    with in_process(stack, "submit_job", **NO_MACHINE) as submit:
        submit(api_event("POST", "/v1/jobs", address=address, user=user_at(stack, address), body=body))
    (stored,) = _jobs_of(stack, address)
    with Api(stack, address) as api:
        job = api.read(stored.id)
    assert job["status"] == "failed"
    assert job["error"]["code"] == "workflow_unavailable"
    assert job["error"]["retryable"] is True
    assert job["cost"] in (None, {"model_usd": "0", "estimated": False})


def test_the_key_of_a_job_that_could_not_be_started_is_free_again(stack: Stack) -> None:
    body = json.dumps({"kind": "enhance", "prompt": "Explain the offside rule to a visitor from Mars."})
    event = api_event("POST", "/v1/jobs", address=new_address(), body=body)
    event["headers"]["idempotency-key"] = "offside"
    event["multiValueHeaders"]["idempotency-key"] = ["offside"]
    with in_process(stack, "submit_job", **NOBODY_THERE) as submit:
        assert submit(event)["statusCode"] == 503
    with in_process(stack, "submit_job") as submit:
        answer = submit(event)
    assert answer["statusCode"] == 202
    assert "Idempotency-Replayed" not in answer["multiValueHeaders"]


def _jobs_of(stack: Stack, address: str) -> list[Any]:
    owner = user_at(stack, address).owner
    dynamodb = stack.client("dynamodb")
    items = dynamodb.query(
        TableName=stack.jobs_table,
        IndexName="gsi1",
        KeyConditionExpression="gsi1pk = :owner",
        ExpressionAttributeValues={":owner": {"S": f"OWNER#{owner}"}},
    )["Items"]
    store = JobStore(stack.jobs_table, dynamodb)
    return [store.get(item["pk"]["S"].removeprefix("JOB#"), owner) for item in items]


def _header(answer: dict[str, Any], name: str) -> str:
    (value,) = answer["multiValueHeaders"][name]
    return str(value)
