"""What the sweeper does with an open job: every status, every state of its execution, every time that matters."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from promptmill.clock import epoch_ms, timestamp
from promptmill.error_codes import error_classes
from promptmill.jobs.model import JobStatus
from promptmill.jobs.settling.judgement import GRACE_MS, LOOK_AGAIN_MS, Verdict, error_of, judge, next_look_ms
from tests.support.builders import COST, TEXT_RESULT, TEXT_USAGE, a_job

DEADLINE_MS = epoch_ms(a_job().deadline_at)
IN_TIME = [DEADLINE_MS - 200_000, DEADLINE_MS - 1]
IN_GRACE = [DEADLINE_MS, DEADLINE_MS + GRACE_MS - 1]
LATE = [DEADLINE_MS + GRACE_MS, DEADLINE_MS + 10 * GRACE_MS]
TIMES = IN_TIME + IN_GRACE + LATE
ENDED = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
TERMINAL = ["succeeded", "failed", "rejected", "canceled", "expired"]
UNFINISHED = ["queued", "running"]
WITH_RESULT: dict[str, Any] = {"result": TEXT_RESULT, "usage": TEXT_USAGE, "cost": COST}


@pytest.mark.parametrize("at_ms", IN_TIME + IN_GRACE)
@pytest.mark.parametrize("status", [*UNFINISHED, "succeeded", "failed", "rejected", "expired"])
def test_an_execution_at_work_is_left_to_it_until_it_is_late(status: str, at_ms: int) -> None:
    assert judge(a_job(status), "RUNNING", at_ms) is Verdict.WAITING


@pytest.mark.parametrize(("execution", "at_ms"), list(itertools.product(["RUNNING", None, *ENDED], TIMES)))
def test_a_canceled_job_is_waited_for_by_nobody(execution: str | None, at_ms: int) -> None:
    """Its execution may be stopped before it can say anything."""
    assert judge(a_job("canceled"), execution, at_ms) is Verdict.ANNOUNCED


@pytest.mark.parametrize("status", TERMINAL)
def test_the_event_of_a_job_that_is_over_is_sent_when_its_execution_ended_or_is_late(status: str) -> None:
    job = a_job(status)
    assert {judge(job, execution, at) for execution in [None, *ENDED] for at in TIMES} == {Verdict.ANNOUNCED}
    assert {judge(job, "RUNNING", at) for at in LATE} == {Verdict.ANNOUNCED}


@pytest.mark.parametrize("at_ms", TIMES)
@pytest.mark.parametrize("execution", [None, *ENDED])
@pytest.mark.parametrize("status", UNFINISHED)
def test_a_result_that_is_there_is_a_success_whatever_the_time(status: str, execution: str | None, at_ms: int) -> None:
    assert judge(a_job(status, **WITH_RESULT), execution, at_ms) is Verdict.SUCCEEDED


@pytest.mark.parametrize("status", UNFINISHED)
def test_a_result_is_left_to_an_execution_that_is_in_time_and_taken_from_one_that_is_late(status: str) -> None:
    job = a_job(status, **WITH_RESULT)
    assert {judge(job, "RUNNING", at) for at in IN_TIME + IN_GRACE} == {Verdict.WAITING}
    assert {judge(job, "RUNNING", at) for at in LATE} == {Verdict.SUCCEEDED}


@pytest.mark.parametrize("at_ms", TIMES)
def test_a_queued_job_without_an_execution_was_never_started(at_ms: int) -> None:
    assert judge(a_job(), None, at_ms) is Verdict.UNSTARTED


@pytest.mark.parametrize("execution", ENDED)
@pytest.mark.parametrize("status", UNFINISHED)
def test_an_execution_that_ended_without_settling_its_job_abandoned_it_or_its_time_was_over(
    status: str, execution: str
) -> None:
    job = a_job(status)
    assert {judge(job, execution, at) for at in IN_TIME} == {Verdict.ABANDONED}
    assert {judge(job, execution, at) for at in IN_GRACE + LATE} == {Verdict.EXPIRED}


def test_a_running_job_whose_execution_nobody_knows_is_abandoned_or_expired() -> None:
    assert {judge(a_job("running"), None, at) for at in IN_TIME} == {Verdict.ABANDONED}
    assert {judge(a_job("running"), None, at) for at in IN_GRACE + LATE} == {Verdict.EXPIRED}


@pytest.mark.parametrize("status", UNFINISHED)
def test_an_execution_that_does_not_end_is_ended_with_its_job_after_the_grace(status: str) -> None:
    assert {judge(a_job(status), "RUNNING", at) for at in LATE} == {Verdict.EXPIRED}


@pytest.mark.parametrize("status", [*UNFINISHED, *TERMINAL])
def test_no_job_is_settled_twice_and_none_is_waited_for_without_end(status: str) -> None:
    for execution, at_ms, fields in itertools.product([None, "RUNNING", *ENDED], TIMES, [{}, WITH_RESULT]):
        job = a_job(status, **(fields if status in UNFINISHED else {}))
        verdict = judge(job, execution, at_ms)
        if job.status.is_terminal:
            assert verdict.settles_as is None
        elif verdict.settles_as is None:
            assert verdict is Verdict.WAITING
            assert at_ms < DEADLINE_MS + GRACE_MS


def test_what_is_settled_gets_a_terminal_status_and_says_why_unless_it_went_well() -> None:
    codes = {cls.code for cls in error_classes().values()} | {"internal_error"}
    for verdict in Verdict:
        error = error_of(verdict, a_job("running", step="InvokeBedrock"))
        if verdict.settles_as in {None, JobStatus.SUCCEEDED}:
            assert error is None
        else:
            assert verdict.settles_as.is_terminal
            assert error is not None
            assert error["code"] in codes


@pytest.mark.parametrize(
    ("verdict", "step", "error"),
    [
        (Verdict.UNSTARTED, None, {"code": "workflow_unavailable", "step": "StartExecution"}),
        (Verdict.EXPIRED, "InvokeFlux", {"code": "deadline_passed", "step": "InvokeFlux"}),
        (Verdict.EXPIRED, None, {"code": "deadline_passed", "step": "CheckRate"}),
        (Verdict.ABANDONED, "AssemblePrompt", {"code": "internal_error", "step": "AssemblePrompt"}),
        (Verdict.ABANDONED, None, {"code": "internal_error", "step": "CheckRate"}),
    ],
)
def test_an_error_names_the_step_the_job_was_at(verdict: Verdict, step: str | None, error: dict[str, str]) -> None:
    assert error_of(verdict, a_job(step=step)) == error


def test_a_job_at_work_is_looked_at_again_when_it_must_be_over() -> None:
    assert next_look_ms(a_job("running"), DEADLINE_MS - 100_000) == DEADLINE_MS + GRACE_MS
    assert judge(a_job("running"), "RUNNING", DEADLINE_MS + GRACE_MS) is not Verdict.WAITING


def test_a_job_whose_time_is_nearly_over_is_not_looked_at_without_pause() -> None:
    assert next_look_ms(a_job("running"), DEADLINE_MS + GRACE_MS - 1) == DEADLINE_MS + GRACE_MS - 1 + LOOK_AGAIN_MS


def test_a_job_that_is_over_is_looked_at_again_soon() -> None:
    far = a_job("succeeded", deadline_at=timestamp(DEADLINE_MS + 10**8))
    assert next_look_ms(far, DEADLINE_MS) == DEADLINE_MS + LOOK_AGAIN_MS
