"""The execution of a job over HTTP: its steps, attempts, waits and costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from promptmill.http.schemas import Execution, Problem
from promptmill.jobs.store import JobStore
from tests.support.api import Api, eventually, new_address, user_at
from tests.support.in_process import api_event, in_process
from tests.support.jobs import a_job

if TYPE_CHECKING:
    from local.stack import Stack
    from tests.support.stand_ins import StandIns


def read(api: Api, job_id: str) -> Execution:
    answer = api.http.get(f"/v1/jobs/{job_id}/execution")
    assert answer.status_code == 200, answer.text
    return Execution.model_validate_json(answer.text)


def ended(api: Api, job_id: str) -> Execution:
    """The execution once it is over, a moment after its job is."""

    def look() -> Execution | None:
        execution = read(api, job_id)
        return execution if execution.finished_at else None

    return eventually(look)


def duration_ms(part: Any) -> int:
    return round((_at(part.finished_at) - _at(part.started_at)).total_seconds() * 1000)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_throttled_call_shows_its_attempts_their_errors_the_waits_and_the_cost(api: Api, stand_ins: StandIns) -> None:
    prompt = "Explain to a cat why the vacuum cleaner has to run on Saturdays."
    stand_ins.script("chat", [{"status": 429}, {"status": 429}], match=prompt)
    job = api.run(kind="enhance", prompt=prompt)
    assert (job["status"], stand_ins.faults_left(prompt)) == ("succeeded", [])
    execution = ended(api, job["id"])
    assert (execution.status, execution.job_id, execution.console_url) == ("SUCCEEDED", job["id"], None)
    steps = {step.name: step for step in execution.steps}
    assert list(steps)[-1] == "CloseSucceeded"
    assert len(steps) == len(execution.steps)
    bedrock = steps["InvokeBedrock"]
    assert [attempt.error for attempt in bedrock.attempts] == ["ProviderThrottled", "ProviderThrottled", None]
    assert bedrock.waited_ms > 0
    assert bedrock.error is None
    assert sum(attempt.duration_ms or 0 for attempt in bedrock.attempts) + bedrock.waited_ms <= duration_ms(bedrock)
    assert all(step.duration_ms == duration_ms(step) for step in execution.steps)
    assert execution.duration_ms == duration_ms(execution)
    by_step = sum(Decimal(step.cost_usd) for step in execution.steps if step.cost_usd)
    assert by_step == Decimal(job["cost"]["model_usd"]) > 0
    assert (bedrock.estimated, execution.cost and execution.cost.model_dump()) == (False, job["cost"])
    assert [step.name for step in execution.steps if step.cost_usd] == ["InvokeBedrock"]


def test_a_fallback_shows_each_visit_with_its_own_cost(api: Api, stand_ins: StandIns) -> None:
    prompt = "Explain to a dog why the fence has been mended on a Sunday."
    stand_ins.script("chat", [{"status": 403}], match=prompt)
    job = api.run(kind="enhance", prompt=prompt)
    assert job["usage"]["fallback"] is True
    execution = ended(api, job["id"])
    visits = [step for step in execution.steps if step.name == "InvokeBedrock"]
    assert [(step.error, step.cost_usd == "0") for step in visits] == [("ProviderAccessDenied", True), (None, False)]
    by_step = sum(Decimal(step.cost_usd) for step in execution.steps if step.cost_usd)
    assert by_step == Decimal(job["cost"]["model_usd"])


def test_an_execution_is_its_owners_alone(api: Api, other_api: Api) -> None:
    job_id = api.run(kind="enhance", prompt="Explain the tides to a lighthouse keeper.")["id"]
    theirs = other_api.http.get(f"/v1/jobs/{job_id}/execution")
    assert theirs.status_code == 404
    assert Problem.model_validate_json(theirs.text).code == "job_not_found"


def test_a_queued_job_without_an_execution_has_an_empty_one(stack: Stack) -> None:
    address = new_address()
    job = replace(a_job(), owner=user_at(stack, address).owner)
    JobStore(stack.jobs_table, stack.client("dynamodb")).add(job)
    with Api(stack, address) as api:
        execution = read(api, job.id)
        assert api.read(job.id)["status"] == "queued"
    assert (execution.status, execution.started_at, execution.steps, execution.cost) == (None, None, [], None)


def test_it_costs_two_reads_and_one_history(stack: Stack, api: Api) -> None:
    job_id = api.run(kind="enhance", prompt="Explain the tides to a lighthouse keeper.")["id"]
    event = api_event("GET", f"/v1/jobs/{job_id}", address=api.address, user=user_at(stack, api.address))
    event |= {"path": f"/v1/jobs/{job_id}/execution", "resource": "/v1/jobs/{job_id}/execution"}
    with in_process(stack, "read_jobs") as reading:
        assert reading(event)["statusCode"] == 200
        assert reading.calls.by_operation == {"dynamodb.Query": 2, "stepfunctions.GetExecutionHistory": 1}


@pytest.mark.parametrize("origin", ["http://localhost:5173"])
def test_a_browser_may_ask_for_it(api: Api, origin: str) -> None:
    job_id = "job_01KAHNM8T0Q4V9X2C7R5W3ZPJD"
    asking = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    answer = api.http.options(f"/v1/jobs/{job_id}/execution", headers=asking)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == origin
