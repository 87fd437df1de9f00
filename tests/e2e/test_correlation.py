"""The id of the request that made a job: in its execution, in its events, on every line a function writes of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from promptmill.clock import epoch_ms
from promptmill.jobs.execution.address import execution_arn
from promptmill.jobs.store import JobStore
from tests.support.api import eventually
from tests.support.emitted import emitted
from tests.support.in_process import api_event
from tests.support.inbox import subscriber_inbox
from tests.support.jobs import attempt, state_of

if TYPE_CHECKING:
    from local.stack import Stack
    from promptmill.jobs.model import Job
    from tests.support.api import Api

TEXT = {"kind": "enhance", "prompt": "Explain how a lighthouse was lit before electricity."}


@pytest.fixture
def made(stack: Stack, api: Api) -> tuple[Job, str]:
    """A job that is over, and the id of the request that made it."""
    answer = api.http.post("/v1/jobs", json=TEXT)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["id"]
    api.finished(job_id)
    job = JobStore(stack.jobs_table, stack.client("dynamodb")).load_work(job_id).job
    return job, answer.headers["x-request-id"]


def test_the_execution_and_every_event_of_a_job_name_the_request_that_made_it(
    stack: Stack, made: tuple[Job, str]
) -> None:
    job, request_id = made
    execution = stack.client("stepfunctions").describe_execution(
        executionArn=execution_arn(stack.state_machine_arn, job.id)
    )
    assert json.loads(execution["input"])["correlation_id"] == request_id
    metadata = [event["detail"]["metadata"] for event in subscriber_inbox(stack).of(job.id)]
    assert [one["correlation_id"] for one in metadata] == [request_id] * 2


def payloads(job: Job) -> dict[str, dict[str, Any]]:
    """What each function gets that works on the job: of a job that is over, a step says so and no more."""
    path = f"/v1/jobs/{job.id}"
    reading = api_event("GET", path, address="198.18.0.1")
    reading["requestContext"]["authorizer"]["owner"] = job.owner
    steps = ("invoke_bedrock", "invoke_flux", "enhance_by_rules")
    return {"read_jobs": reading, "assemble_prompt": state_of(job), **{step: attempt(job, "rules") for step in steps}}


def test_every_line_of_every_function_that_works_on_a_job_names_that_request(
    stack: Stack, made: tuple[Job, str]
) -> None:
    job, request_id = made
    for folder, payload in payloads(job).items():
        lines = [line for line in emitted(stack, folder, [payload]).splitlines() if job.id in line]
        assert lines, folder
        assert [line for line in lines if request_id not in line] == [], folder


def test_one_search_of_the_function_log_finds_all_that_was_done_for_a_request(
    stack: Stack, made: tuple[Job, str]
) -> None:
    job, request_id = made

    def found() -> list[dict[str, Any]] | None:
        """The lines that the operations page has an operator look for, once the last of them is there."""
        events = stack.client("logs").filter_log_events(
            logGroupName=stack.function_log_group, filterPattern=f'"{request_id}"', startTime=epoch_ms(job.created_at)
        )["events"]
        lines = [json.loads(event["message"]) for event in events if event["message"].startswith("{")]
        return lines if any(line.get("step") == "RecordAnalytics" for line in lines) else None

    lines = eventually(found)
    assert {line["correlation_id"] for line in lines} == {request_id}
    steps = [(line["message"], line.get("step"), line.get("outcome")) for line in lines if "message" in line]
    assert set(steps) == {
        ("request", None, None),
        *(("step", step, "done") for step in ("AssemblePrompt", "InvokeBedrock", "RecordAnalytics")),
    }
