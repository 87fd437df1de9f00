"""What may be redriven, and why not; what it saves."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from local.rendering import ROOT
from promptmill import errors
from promptmill.jobs.execution.history import read_history
from promptmill.jobs.execution.redrive import CLOSING_STATES, Redrive, redrivable_step, redrive_job, saved_usd
from tests.support.builders import AT_MS, TEXT_RESULT, a_call, a_job, a_job_id
from tests.unit.execution.fakes import FakeExecutions
from tests.unit.execution.histories import History, failed_in
from tests.unit.jobs.fakes import MemoryJobStore

WITH_RESULT: dict[str, Any] = {"result": TEXT_RESULT}
DEADLINE_MS = AT_MS + 300_000


def cut(kind: str, step: str = "InvokeBedrock") -> History:
    return History().through(1, 5, "AssemblePrompt").entered(6, step).add(7, "TaskScheduled").ended(9, kind)


@pytest.mark.parametrize(
    ("status", "fields", "history", "step"),
    [
        ("running", WITH_RESULT, failed_in("PersistResult"), "PersistResult"),
        ("running", {}, failed_in("RecordFailure"), "RecordFailure"),
        ("queued", {}, failed_in("AssemblePrompt"), "AssemblePrompt"),
        ("running", {}, cut("ExecutionTimedOut"), "InvokeBedrock"),
        ("running", {}, cut("ExecutionAborted"), "InvokeBedrock"),
        # The write landed, its answer was lost.
        ("succeeded", {}, failed_in("PersistResult"), "PersistResult"),
        ("failed", {}, failed_in("RecordFailure"), "RecordFailure"),
        ("rejected", {}, failed_in("RecordRejection"), "RecordRejection"),
        # Neither the bus nor the queue took the event.
        ("succeeded", {}, failed_in("ParkOutcome"), "ParkOutcome"),
        ("expired", {}, failed_in("ParkOutcome"), "ParkOutcome"),
        ("rejected", {}, cut("ExecutionAborted", "PublishRefusal"), "PublishRefusal"),
    ],
)
def test_what_stopped_before_its_outcome_was_out_can_go_on(
    status: str, fields: dict[str, Any], history: History, step: str
) -> None:
    assert redrivable_step(a_job(status, **fields), read_history(history.events), at_ms=AT_MS) == step


NOTHING = History()
SUCCEEDED = History().through(1, 5, "PersistResult").ended(9)
ON_PURPOSE = History().entered(1, "JobFailed", "Fail").ended(2, "ExecutionFailed", error="ProviderQuota")


@pytest.mark.parametrize(
    ("status", "fields", "history", "why"),
    [
        ("succeeded", {"due_at": None}, failed_in("ParkOutcome"), "never changes again. Replay"),
        ("failed", {"due_at": None}, ON_PURPOSE, "never changes again. Replay"),
        ("canceled", {"due_at": None}, cut("ExecutionAborted"), "never changes again. Replay"),
        ("queued", {}, None, "has no execution"),
        ("queued", {}, NOTHING, "has no execution"),
        ("running", {}, History().entered(1, "InvokeBedrock"), "is running"),
        ("running", {}, SUCCEEDED, "succeeded"),
        ("succeeded", {}, SUCCEEDED, "succeeded"),
        ("running", {}, ON_PURPOSE, "on purpose in JobFailed"),
        ("canceled", {}, cut("ExecutionAborted"), "canceled while its execution was in InvokeBedrock"),
        ("canceled", {}, cut("ExecutionAborted", "PersistResult"), "canceled while"),
        ("expired", {}, cut("ExecutionTimedOut"), "expired while"),
        ("succeeded", {}, failed_in("RecordFailure"), "succeeded while"),
    ],
)
def test_what_is_over_goes_on_or_ended_on_purpose_cannot(
    status: str, fields: dict[str, Any], history: History | None, why: str
) -> None:
    execution = read_history(history.events) if history else None
    with pytest.raises(errors.NotRedrivable) as refused:
        redrivable_step(a_job(status, **fields), execution, at_ms=AT_MS)
    assert why in refused.value.detail


@pytest.mark.parametrize(
    ("step", "fields", "at_ms", "can"),
    [
        ("InvokeBedrock", {}, DEADLINE_MS - 1, True),
        ("InvokeBedrock", {}, DEADLINE_MS, False),
        ("InvokeBedrock", WITH_RESULT, DEADLINE_MS, True),
        ("PersistResult", WITH_RESULT, DEADLINE_MS, True),
        ("RecordFailure", {}, DEADLINE_MS, True),
    ],
)
def test_a_deadline_that_passed_leaves_only_what_needs_no_more_time(
    step: str, fields: dict[str, Any], at_ms: int, *, can: bool
) -> None:
    job, execution = a_job("running", **fields), read_history(cut("ExecutionAborted", step).events)
    if can:
        assert redrivable_step(job, execution, at_ms=at_ms) == step
        return
    with pytest.raises(errors.NotRedrivable, match="deadline"):
        redrivable_step(job, execution, at_ms=at_ms)


def test_the_states_it_names_are_states_of_the_workflow() -> None:
    machine = json.loads((ROOT / "statemachines" / "generation.asl.json").read_text())
    assert machine["States"].keys() >= CLOSING_STATES


def test_it_saves_what_the_calls_cost_that_succeeded() -> None:
    calls = [
        a_call(1, "failed", cost_usd=Decimal("0.5")),
        a_call(2, "succeeded", cost_usd=Decimal("0.0004")),
        a_call(3, "succeeded", cost_usd=Decimal("0.000012")),
        a_call(4, "started"),
    ]
    assert saved_usd(calls) == Decimal("0.000412")
    assert saved_usd([]) == 0


def test_a_redrive_goes_on_with_the_execution_and_says_what_it_saved() -> None:
    jobs, job = MemoryJobStore(), a_job("running", result=TEXT_RESULT)
    jobs.add(job)
    jobs.calls[job.id, 1] = a_call(1, "succeeded", cost_usd=Decimal("0.000412"))
    executions = FakeExecutions({job.id: failed_in("PersistResult")})
    done = redrive_job(job.id, jobs=jobs, executions=executions, at_ms=AT_MS)
    assert done == Redrive(job, "PersistResult", Decimal("0.000412"))
    assert executions.redriven == [job.id]


def test_what_cannot_be_redriven_is_left_alone() -> None:
    jobs, job = MemoryJobStore(), a_job("running")
    jobs.add(job)
    executions = FakeExecutions({job.id: SUCCEEDED})
    with pytest.raises(errors.NotRedrivable):
        redrive_job(job.id, jobs=jobs, executions=executions, at_ms=AT_MS)
    assert executions.redriven == []


def test_a_job_nobody_has_is_not_found() -> None:
    with pytest.raises(errors.JobNotFound):
        redrive_job(a_job_id(), jobs=MemoryJobStore(), executions=FakeExecutions({}), at_ms=AT_MS)
