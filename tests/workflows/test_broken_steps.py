"""What the job becomes when a table, a function or its store is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from promptmill.clock import now_ms
from promptmill.jobs.model import JobStatus
from tests.workflows.cases import Case, World, case, with_input
from tests.workflows.machines import NOWHERE, copied, missing

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from tests.workflows.cases import Runs

NO_STORE = {"AWS_ENDPOINT_URL_DYNAMODB": NOWHERE}
BOTH_MODELS_GONE = [{"status": 404}] * 2


def _in_the_burst(world: World, job: Job) -> None:
    world.set_arrival_time(job, now_ms() + 20_000)


def _over_the_limit(world: World, job: Job) -> None:
    world.set_arrival_time(job, now_ms() * 2)


# case, the step that gave up, its attempts, the code the job fails with
FAILED = [
    (case("no_rate_table", machine=missing("ControlTableName", "CheckRate")), "CheckRate", 5, "internal_error"),
    (
        case("no_rate_table_in_the_burst", machine=missing("ControlTableName", "CheckBurst"), before=_in_the_burst),
        "CheckBurst",
        5,
        "internal_error",
    ),
    (case("no_assembler", machine=missing("AssemblePromptFunctionArn")), "AssemblePrompt", 1, "internal_error"),
    (
        case("assembler_without_store", machine=copied("AssemblePromptFunctionArn", **NO_STORE), slow=True),
        "AssemblePrompt",
        5,
        "store_unavailable",
    ),
    (case("model_gone", before=with_input(model="claude-1")), "AssemblePrompt", 1, "invalid_input"),
    (
        case("no_rules", machine=missing("EnhanceByRulesFunctionArn"), chat=BOTH_MODELS_GONE),
        "EnhanceByRules",
        1,
        "internal_error",
    ),
    (
        case(
            "rules_without_store",
            machine=copied("EnhanceByRulesFunctionArn", **NO_STORE),
            chat=BOTH_MODELS_GONE,
            slow=True,
        ),
        "EnhanceByRules",
        5,
        "store_unavailable",
    ),
    (
        case("image_step_without_store", kind="image", machine=copied("InvokeFluxFunctionArn", **NO_STORE), slow=True),
        "InvokeFlux",
        5,
        "store_unavailable",
    ),
    (
        case(
            "no_table_for_the_rejection",
            machine=missing("JobsTableName", "RecordRejection"),
            before=_over_the_limit,
            slow=True,
        ),
        "RecordRejection",
        7,
        "internal_error",
    ),
]
NO_MODEL_STEP = case("no_model_step", machine=missing("InvokeBedrockFunctionArn"))
MODEL_STEP_WITHOUT_STORE = case(
    "model_step_without_store", machine=copied("InvokeBedrockFunctionArn", **NO_STORE), slow=True
)
UNPERSISTED = case("no_table_for_the_status", machine=missing("JobsTableName", "PersistResult"), slow=True)
UNCLOSED = [
    case("no_table_to_close_a_success", machine=missing("JobsTableName", "CloseSucceeded")),
    case("no_table_to_close_a_failure", machine=missing("JobsTableName", "CloseJob"), chat=[{"status": 400}]),
]
UNRECORDED = case(
    "no_table_for_the_failure",
    machine=missing("JobsTableName", "RecordFailure"),
    chat=[{"status": 400}],
    slow=True,
)


@pytest.mark.parametrize(("one", "step", "attempts", "code"), FAILED, ids=str)
def test_a_step_that_cannot_work_is_retried_and_then_fails_the_job(
    runs: Runs, one: Case, step: str, attempts: int, code: str
) -> None:
    run = runs.of(one)
    assert run.execution.attempts(step) == attempts
    assert run.job.status is JobStatus.FAILED
    assert run.job.error == {"code": code, "step": step}
    assert run.execution.status == "FAILED"
    assert run.event_names == ["job.accepted", "job.failed"]


def test_a_paid_result_whose_status_could_not_be_written_is_there_for_a_redrive_or_the_sweeper(runs: Runs) -> None:
    run = runs.of(UNPERSISTED)
    assert run.execution.attempts("PersistResult") == 7
    assert (run.execution.states[-1], run.execution.status) == ("PersistResult", "FAILED")
    assert run.job.status is JobStatus.RUNNING
    assert run.job.result is not None
    assert run.swept.verdict == "succeeded"
    assert run.swept.job.status is JobStatus.SUCCEEDED
    assert run.swept.job.result == run.job.result
    assert run.swept.event_names == ["job.accepted", "job.succeeded"]


@pytest.mark.parametrize("one", UNCLOSED, ids=str)
def test_a_job_that_cannot_be_closed_ends_as_it_should_and_is_announced_again(runs: Runs, one: Case) -> None:
    run = runs.of(one)
    assert run.job.status.is_terminal
    accepted, outcome = run.event_names
    assert run.swept.verdict == "announced"
    assert run.swept.event_names == [accepted, outcome, outcome]
    assert run.swept.job.due_at is None


@pytest.mark.parametrize(("one", "attempts"), [(NO_MODEL_STEP, 2), (MODEL_STEP_WITHOUT_STORE, 10)], ids=str)
def test_without_the_model_step_the_rules_answer(runs: Runs, one: Case, attempts: int) -> None:
    run = runs.of(one)
    assert run.execution.attempts("InvokeBedrock") == attempts
    assert run.made_calls == [("rules", None)]
    assert run.job.status is JobStatus.SUCCEEDED


def test_a_failure_that_cannot_be_recorded_still_fails_the_execution(runs: Runs) -> None:
    run = runs.of(UNRECORDED)
    assert run.execution.attempts("RecordFailure") == 7
    assert (run.execution.states[-1], run.execution.status) == ("RecordFailure", "FAILED")
    assert run.job.status is JobStatus.RUNNING
    assert run.event_names == ["job.accepted"]
    assert run.swept.verdict == "expired"
    assert run.swept.event_names == ["job.accepted", "job.expired"]
