"""GET /v1/jobs/{job_id}/execution."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from promptmill import errors
from promptmill.clock import timestamp
from promptmill.http.read_routes import read_api
from promptmill.http.resolver import resolve
from promptmill.http.schemas import Execution
from promptmill.jobs.execution.reading import ExecutionReader
from tests.support.builders import AT_MS, COST, OTHER_OWNER, a_call, a_job, a_job_id
from tests.unit.execution.fakes import MACHINE, FakeExecutions, MemoryLedger
from tests.unit.execution.histories import History, two_retries
from tests.unit.http.calls import OPERATOR, OWNER, USER, Reply, an_event, reply
from tests.unit.http.test_read_routes import NeverAsked
from tests.unit.jobs.fakes import MemoryArtifacts, MemoryJobStore

if TYPE_CHECKING:
    from promptmill.identity.caller import Caller
    from promptmill.jobs.model import Job


class Reading:
    """The route over one stored job."""

    def __init__(
        self,
        history: History | None = None,
        *,
        owner: str = OWNER,
        error: errors.PromptmillError | None = None,
        has_console: bool = True,
    ) -> None:
        self.jobs = MemoryJobStore()
        self.job: Job = a_job("succeeded", owner=owner, expires_at_seconds=2**33, cost=COST)
        self.jobs.add(self.job)
        executions = FakeExecutions({self.job.id: history} if history else {}, error=error)
        self._reader = ExecutionReader(executions, MemoryLedger(self.jobs), has_console=has_console)

    def get(self, job_id: str | None = None, *, caller: Caller = USER) -> Reply:
        path = f"/v1/jobs/{job_id or self.job.id}/execution"
        api = read_api(self.jobs, MemoryArtifacts(), executions=self._reader)
        return reply(resolve(api, an_event("GET", path, resource="/v1/jobs/{job_id}/execution", caller=caller), None))


def test_an_owner_sees_the_steps_their_attempts_and_what_they_cost() -> None:
    reading = Reading(two_retries("aws"))
    reading.jobs.calls[reading.job.id, 1] = a_call(
        1, "succeeded", started_at=timestamp(AT_MS + 3050), cost_usd=Decimal("0.000412")
    )
    answer = reading.get()
    assert answer.status == 200
    execution = Execution.model_validate(answer.json)
    assert (execution.job_id, execution.status, execution.duration_ms) == (reading.job.id, "SUCCEEDED", 3103)
    assert [step.name for step in execution.steps] == ["ChooseProvider", "InvokeBedrock", "JobSucceeded"]
    assert [attempt.error for attempt in execution.steps[1].attempts] == ["ProviderThrottled"] * 2 + [None]
    assert [step.cost_usd for step in execution.steps] == [None, "0.000412", None]
    assert execution.cost is not None
    assert execution.cost.model_usd == "0.000412"


def test_it_is_for_its_owner_who_asks_each_time() -> None:
    headers = Reading(two_retries("aws")).get().headers
    assert headers["cache-control"] == "private, no-cache"
    assert "etag" not in headers


@pytest.mark.parametrize("has_console", [True, False])
def test_the_console_is_linked_to_where_there_is_one_for_operators(*, has_console: bool) -> None:
    reading = Reading(two_retries("aws"), has_console=has_console)
    arn = f"{MACHINE.replace('stateMachine', 'execution')}:{reading.job.id}"
    page = f"https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/{arn}"
    full = reading.get(caller=OPERATOR)
    assert full.json["console_url"] == (page if has_console else None)
    assert reading.get().json == {**full.json, "console_url": None}


def test_an_execution_that_is_not_there_is_null_and_no_error() -> None:
    reading = Reading()
    answer = reading.get()
    assert answer.status == 200
    execution = Execution.model_validate(answer.json)
    assert (execution.status, execution.steps, execution.console_url) == (None, [], None)
    assert execution.job_id == reading.job.id


def test_another_owners_execution_answers_exactly_like_one_that_does_not_exist() -> None:
    reading, unknown_id = Reading(two_retries("aws"), owner=OTHER_OWNER), a_job_id()
    theirs, unknown = reading.get(), reading.get(unknown_id)
    assert (theirs.status, theirs.json["code"]) == (404, "job_not_found")
    assert theirs.headers == unknown.headers
    assert theirs.text.replace(reading.job.id, unknown_id) == unknown.text


@pytest.mark.parametrize("job_id", ["x", "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV", "job_" + "0" * 200])
def test_what_cannot_be_a_job_id_is_not_looked_up(job_id: str) -> None:
    reading = Reading()
    reading.jobs = NeverAsked()
    answer = reading.get(job_id)
    assert (answer.status, answer.json["code"]) == (404, "job_not_found")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.WorkflowUnavailable("The history cannot be read right now."), 503, "workflow_unavailable"),
        (errors.StoreUnavailable("the store answered X"), 503, "store_unavailable"),
        (errors.BrokenContractError("Step Functions refused: AccessDeniedException"), 500, "internal_error"),
    ],
)
def test_what_step_functions_cannot_answer_is_a_problem(error: Any, status: int, code: str) -> None:
    answer = Reading(two_retries("aws"), error=error).get()
    assert (answer.status, answer.json["code"]) == (status, code)
    assert "retry-after" in answer.headers or status == 500
    assert "AccessDenied" not in answer.text
