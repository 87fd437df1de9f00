"""A job has one terminal status and one terminal event: a step that comes late ends quietly, and its bill is kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from promptmill.clock import epoch_ms, now_ms, timestamp
from promptmill.events.envelope import outcome_event_id
from promptmill.jobs.ledger import CallStatus
from promptmill.jobs.model import JobStatus
from promptmill.providers.cost import format_usd
from tests.workflows.cases import Case, World, canceled, canceled_during_call, case
from tests.workflows.machines import Machine, Stub, missing, stubbed

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from tests.workflows.cases import Runs

LONG_MS = 2000
USAGE = {"model": "claude-haiku-4.5", "input_tokens": 1, "output_tokens": 1, "truncated": False, "fallback": False}
ANSWERED = {"usage": {**USAGE, "prompt_version": "enhance-v1"}, "cost": {"model_usd": "0.000001", "estimated": False}}
# Both functions answer without looking at the job, as they would have an instant before it was settled.
A_MOMENT_AGO = stubbed(
    AssemblePromptFunctionArn=Stub(answer='{"candidates":[{"provider":"bedrock","model":"claude-haiku-4.5"}]}'),
    InvokeBedrockFunctionArn=Stub(answer=json.dumps(ANSWERED)),
)


def _canceled_and_over_the_limit(world: World, job: Job) -> None:
    world.set_arrival_time(job, now_ms() * 2)
    canceled(world, job)


def _settled_by_the_api(world: World, job: Job) -> None:
    error = {"code": "workflow_unavailable", "step": "StartExecution"}
    assert world.jobs.settle_unstarted(job.id, at=timestamp(now_ms()), error=error)


SETTLED_BY_THE_API = case("settled_by_the_api", before=_settled_by_the_api)
BEFORE_THE_FIRST_STEP = case("canceled_before_the_first_step", before=canceled)
BEFORE_A_REJECTION = case("canceled_before_a_rejection", before=_canceled_and_over_the_limit)
DURING_THE_CALL = case("canceled_during_the_call", chat=[{"delay_ms": LONG_MS}], during=canceled_during_call(1))
DURING_THE_IMAGE_CALL = case(
    "canceled_during_the_image_call", kind="image", flux=[{"delay_ms": LONG_MS}], during=canceled_during_call(1)
)
BEFORE_A_FAILURE = case(
    "canceled_before_a_failure", chat=[{"delay_ms": LONG_MS, "status": 400}], during=canceled_during_call(1)
)
BEFORE_THE_RULES = case(
    "canceled_before_the_rules",
    chat=[{"status": 404}, {"delay_ms": LONG_MS, "status": 404}],
    during=canceled_during_call(2),
)
BEFORE_A_RETRY = case(
    "canceled_before_a_retry", chat=[{"delay_ms": LONG_MS, "status": 500}], during=canceled_during_call(1)
)
BEFORE_THE_STATUS = case("canceled_before_the_status", machine=A_MOMENT_AGO, before=canceled)
CANCELED = [
    BEFORE_THE_FIRST_STEP,
    BEFORE_A_REJECTION,
    DURING_THE_CALL,
    DURING_THE_IMAGE_CALL,
    BEFORE_A_FAILURE,
    BEFORE_THE_RULES,
    BEFORE_A_RETRY,
    BEFORE_THE_STATUS,
]
RUN_TWICE = case("run_twice", runs_again_on=Machine())
OVERLAPPING = case("overlapping", chat=[{"delay_ms": 300}], twice=True)
PERSISTED_TWICE = case("persisted_twice", runs_again_on=A_MOMENT_AGO)
# The first execution dies between its result and its status; the second finds the result.
RESUMED = case("resumed", machine=missing("JobsTableName", "PersistResult"), runs_again_on=Machine(), slow=True)
EXPIRED = case("expired", deadline_in_ms=-1)
CANCELED_UNSTOPPABLE = case("canceled_unstoppable", machine=Machine(stops_another=True), before=canceled)
UNSTOPPABLE = case("expired_unstoppable", machine=Machine(stops_another=True), deadline_in_ms=-1)
# The model would answer, but later than the job has time for.
EXPIRED_ON_THE_WAY = case("expired_on_the_way", chat=[{"delay_ms": 9000}], deadline_in_ms=5000, slow=True)


@pytest.mark.parametrize("one", CANCELED, ids=str)
def test_a_canceled_job_stays_canceled_and_has_no_other_end(runs: Runs, one: Case) -> None:
    run = runs.of(one)
    assert run.job.status is JobStatus.CANCELED
    assert run.job.error is None
    assert run.job.result is None
    assert (run.execution.status, run.execution.error) == ("ABORTED", "JobSettled")
    assert run.execution.states[-1] == "StopSettled"
    assert run.event_names == ["job.accepted"]
    assert run.faults_left == []


@pytest.mark.parametrize(
    ("one", "last_step"),
    [
        (BEFORE_THE_FIRST_STEP, "RecordFailure"),
        (BEFORE_A_REJECTION, "RecordRejection"),
        (DURING_THE_CALL, "InvokeBedrock"),
        (DURING_THE_IMAGE_CALL, "InvokeFlux"),
        (BEFORE_A_FAILURE, "RecordFailure"),
        (BEFORE_THE_RULES, "EnhanceByRules"),
        (BEFORE_A_RETRY, "InvokeBedrock"),
        (BEFORE_THE_STATUS, "PersistResult"),
    ],
    ids=str,
)
def test_the_first_step_to_notice_is_the_last(runs: Runs, one: Case, last_step: str) -> None:
    steps = [state for state in runs.of(one).execution.states if not state.startswith("Choose")]
    assert steps[-2] == last_step


@pytest.mark.parametrize("one", [DURING_THE_CALL, DURING_THE_IMAGE_CALL], ids=str)
def test_what_a_call_cost_is_kept_though_its_answer_came_too_late(runs: Runs, one: Case) -> None:
    run = runs.of(one)
    (call,) = run.calls
    assert call.status is CallStatus.SUCCEEDED
    assert call.cost_usd
    assert run.job.cost == {"model_usd": format_usd(call.cost_usd), "estimated": False}


def test_no_call_is_paid_for_a_job_that_is_over(runs: Runs) -> None:
    run = runs.of(BEFORE_A_RETRY)
    assert run.made_calls == [("claude-haiku-4.5", "ProviderError")]
    assert run.execution.attempts("InvokeBedrock") == 2


def test_a_job_settled_as_not_started_whose_execution_was_there_after_all_gets_its_event(runs: Runs) -> None:
    run = runs.of(SETTLED_BY_THE_API)
    assert run.job.status is JobStatus.FAILED
    assert run.job.error == {"code": "workflow_unavailable", "step": "StartExecution"}
    assert (run.execution.status, run.execution.error) == ("FAILED", "WorkflowUnavailable")
    assert run.event_names == ["job.accepted", "job.failed"]
    assert run.outcome["data"]["error"] == run.job.error
    assert not run.calls


def test_a_second_execution_of_a_finished_job_changes_nothing(runs: Runs) -> None:
    run = runs.of(RUN_TWICE)
    first, second = run.executions
    assert first.states[-1] == "CloseSucceeded"
    assert second.states[-4:] == ["AssemblePrompt", "RecordFailure", "ChooseBySettledStep", "StopSettled"]
    assert run.job.status is JobStatus.SUCCEEDED
    assert len(run.calls) == len(run.provider_calls) == 1
    assert run.event_names.count("job.succeeded") == 1


def test_two_executions_of_one_job_at_the_same_time_make_one_result_and_one_event(runs: Runs) -> None:
    run = runs.of(OVERLAPPING)
    ends = {execution.states[-1] for execution in run.executions}
    assert {"CloseSucceeded"} <= ends <= {"CloseSucceeded", "StopSettled"}
    assert run.job.status is JobStatus.SUCCEEDED
    outcomes = [e["detail"]["metadata"] for e in run.events if e["detail-type"] == "job.succeeded"]
    assert {outcome["id"] for outcome in outcomes} == {outcome_event_id(run.job.id)}
    assert {outcome["occurred_at"] for outcome in outcomes} == {run.job.finished_at}


def test_a_status_persisted_twice_is_the_same_status_and_the_same_event(runs: Runs) -> None:
    run = runs.of(PERSISTED_TWICE)
    again = run.executions[1].states
    assert again[again.index("PersistResult") :][:3] == ["PersistResult", "PublishOutcome", "CloseSucceeded"]
    assert run.job.status is JobStatus.SUCCEEDED
    first, second = [e["detail"]["metadata"] for e in run.events if e["detail-type"] == "job.succeeded"]
    assert first["id"] == second["id"]
    assert first["occurred_at"] == second["occurred_at"] == run.job.finished_at


def test_an_execution_that_died_after_the_result_is_resumed_without_another_call(runs: Runs) -> None:
    run = runs.of(RESUMED)
    died, resumed = run.executions
    assert died.states[-1] == "PersistResult"
    assert resumed.states[-1] == "CloseSucceeded"
    assert run.job.status is JobStatus.SUCCEEDED
    assert len(run.calls) == len(run.provider_calls) == 1


def test_a_job_past_its_deadline_expires_before_a_call(runs: Runs) -> None:
    run = runs.of(EXPIRED)
    assert run.job.status is JobStatus.EXPIRED
    assert run.job.error is not None
    assert run.job.error["code"] == "deadline_passed"
    assert run.calls == ()
    assert (run.execution.status, run.execution.error) == ("ABORTED", "DeadlinePassed")
    assert run.event_names == ["job.accepted", "job.expired"]


def test_a_call_ends_with_its_jobs_deadline_and_no_other_model_is_tried(runs: Runs) -> None:
    run = runs.of(EXPIRED_ON_THE_WAY)
    assert run.job.status is JobStatus.EXPIRED
    assert run.made_calls == [("claude-haiku-4.5", "ProviderTimeout")]
    assert epoch_ms(run.job.finished_at or "") - epoch_ms(run.job.deadline_at) < 3000
    assert run.outcome["data"]["status"] == "expired"
    assert run.outcome["data"]["error"] == {"code": "deadline_passed", "step": "InvokeBedrock"}


def test_an_expired_job_whose_execution_cannot_be_stopped_fails_it(runs: Runs) -> None:
    run = runs.of(UNSTOPPABLE)
    assert run.execution.states[-2:] == ["StopExpired", "JobFailed"]
    assert (run.execution.status, run.execution.error) == ("FAILED", "DeadlinePassed")
    assert run.job.status is JobStatus.EXPIRED


def test_a_canceled_job_whose_execution_cannot_be_stopped_ends_it_quietly(runs: Runs) -> None:
    run = runs.of(CANCELED_UNSTOPPABLE)
    assert run.execution.states[-2:] == ["StopSettled", "JobAlreadySettled"]
    assert run.execution.status == "SUCCEEDED"
    assert run.job.status is JobStatus.CANCELED
    assert not run.calls
