"""What a history says of an execution, in both dialects."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.jobs.execution.history import Attempt, Execution, ExecutionStatus, Step, read_history
from tests.support.builders import AT_MS
from tests.unit.execution.histories import Dialect, History, failed_in, two_retries


def read(history: History) -> Execution:
    execution = read_history(history.events)
    assert execution
    return execution


def attempts(step: Step) -> list[tuple[int, int | None, str | None]]:
    """Start, end and error of each attempt, in milliseconds of the execution."""
    return [
        (a.started_ms - AT_MS, None if a.finished_ms is None else a.finished_ms - AT_MS, a.error) for a in step.attempts
    ]


@pytest.mark.parametrize("dialect", ["aws", "ministack"])
def test_a_retry_is_another_attempt_of_the_same_visit_after_a_wait(dialect: Dialect) -> None:
    execution = read(two_retries(dialect))
    assert [step.name for step in execution.steps] == ["ChooseProvider", "InvokeBedrock", "JobSucceeded"]
    choice, bedrock, end = execution.steps
    assert (choice.attempts, choice.duration_ms, choice.error) == ((), 1, None)
    assert attempts(bedrock) == [
        (12, 20, "ProviderThrottled"),
        (1020, 1030, "ProviderThrottled"),
        (3030, 3100, None),
    ]
    assert (bedrock.duration_ms, bedrock.waited_ms, bedrock.error) == (1101 + 1989, 1000 + 2000, None)
    assert (end.kind, end.duration_ms) == ("Succeed", 0)
    assert (execution.status, execution.started_ms, execution.duration_ms) == ("SUCCEEDED", AT_MS, 3103)


def test_without_events_there_is_no_execution() -> None:
    assert read_history([]) is None


def test_an_execution_that_goes_on_has_no_end_and_its_last_attempt_neither() -> None:
    history = History().entered(5, "InvokeFlux").add(6, "TaskScheduled").add(7, "TaskStarted")
    execution = read(history)
    assert (execution.status, execution.finished_ms, execution.duration_ms) == ("RUNNING", None, None)
    (step,) = execution.steps
    assert (step.finished_ms, step.duration_ms, step.waited_ms, step.error) == (None, None, 0, None)
    assert attempts(step) == [(6, None, None)]


def test_a_step_that_waits_for_its_retry_shows_what_it_waits_for() -> None:
    history = History().entered(5, "InvokeFlux").tried(6, 9, "ProviderTimeout")
    (step,) = read(history).steps
    assert (step.finished_ms, step.error) == (None, "ProviderTimeout")
    (step,) = read(history.add(900, "TaskScheduled")).steps
    assert (step.error, step.waited_ms) == (None, 891)


@pytest.mark.parametrize(
    ("kind", "details", "error"),
    [
        ("TaskFailed", {"error": "ProviderError", "cause": "c"}, "ProviderError"),
        ("TaskTimedOut", {"error": "States.Timeout"}, "States.Timeout"),
        ("TaskTimedOut", {}, "TaskTimedOut"),
        ("TaskStartFailed", {"error": "Lambda.TooManyRequestsException"}, "Lambda.TooManyRequestsException"),
        ("TaskSubmitFailed", {"error": "States.TaskFailed"}, "States.TaskFailed"),
    ],
)
@pytest.mark.parametrize("form", ["Task", "LambdaFunction"])
def test_an_attempt_has_the_name_of_its_error_and_never_its_cause(
    kind: str, details: dict[str, str], error: str, form: str
) -> None:
    kind, error = (text.replace("Task", form, 1) if text.startswith("Task") else text for text in (kind, error))
    history = History().entered(1, "InvokeFlux").add(2, f"{form}Scheduled").add(3, f"{form}Started")
    (step,) = read(history.add(9, kind, **details).left(10, "InvokeFlux")).steps
    assert attempts(step) == [(2, 9, error)]
    assert (step.error, step.duration_ms) == (error, 9)
    assert "cause" not in str(step)


def test_an_attempt_that_could_not_be_scheduled_took_no_time() -> None:
    history = History().entered(1, "InvokeFlux").add(4, "LambdaFunctionScheduleFailed", error="Lambda.Unknown")
    (step,) = read(history).steps
    assert attempts(step) == [(4, 4, "Lambda.Unknown")]


@pytest.mark.parametrize("kind", ["EvaluationFailed", "TaskFailed"])
def test_an_expression_that_fails_is_an_error_of_the_step_and_no_attempt(kind: str) -> None:
    """AWS says EvaluationFailed, MiniStack TaskFailed, both after the task itself succeeded."""
    history = History().entered(1, "PersistResult").tried(2, 8).add(9, kind, error="States.QueryEvaluationError")
    (step,) = read(history).steps
    assert attempts(step) == [(2, 8, None)]
    assert step.error == "States.QueryEvaluationError"


@pytest.mark.parametrize(
    ("kind", "details", "status", "error"),
    [
        ("ExecutionFailed", {"error": "States.Runtime"}, ExecutionStatus.FAILED, "States.Runtime"),
        ("ExecutionTimedOut", {"error": "States.Timeout"}, ExecutionStatus.TIMED_OUT, "States.Timeout"),
        ("ExecutionTimedOut", {}, ExecutionStatus.TIMED_OUT, "ExecutionTimedOut"),
        ("ExecutionAborted", {"error": "JobCanceled"}, ExecutionStatus.ABORTED, "JobCanceled"),
        ("ExecutionAborted", {"error": "", "cause": ""}, ExecutionStatus.ABORTED, "ExecutionAborted"),
    ],
)
def test_an_execution_that_is_cut_short_ends_its_step_and_its_attempt(
    kind: str, details: dict[str, str], status: ExecutionStatus, error: str
) -> None:
    history = History().through(1, 5, "AssemblePrompt").entered(6, "InvokeBedrock").add(7, "TaskScheduled")
    history.add(90, "TaskStateAborted")
    execution = read(history.ended(91, kind, **details))
    assert (execution.status, execution.duration_ms) == (status, 91)
    before, step = execution.steps
    assert (before.error, before.duration_ms) == (None, 4)
    assert (step.duration_ms, step.error, attempts(step)) == (85, error, [(7, 91, error)])


def test_what_is_told_of_an_execution_after_its_end_does_not_count() -> None:
    history = History("ministack").entered(6, "InvokeBedrock").add(7, "TaskScheduled")
    history.ended(20, "ExecutionAborted", error="JobCanceled")
    execution = read(history.add(90, "TaskSucceeded").left(91, "InvokeBedrock"))
    (step,) = execution.steps
    assert (execution.duration_ms, step.duration_ms, step.error) == (20, 14, "JobCanceled")
    assert attempts(step) == [(7, 20, "JobCanceled")]


def test_a_fail_state_has_the_error_it_raises() -> None:
    history = History().entered(3, "JobFailed", "Fail").ended(4, "ExecutionFailed", error="ProviderQuota")
    (step,) = read(history).steps
    assert (step.kind, step.error, step.duration_ms) == ("Fail", "ProviderQuota", 1)


@pytest.mark.parametrize("enters_again", [True, False])
def test_a_redrive_is_another_visit_of_the_step_it_goes_on_from(*, enters_again: bool) -> None:
    history = failed_in("PersistResult").add(3_600_000, "ExecutionRedriven", redriveCount=1)
    if enters_again:
        history.entered(3_600_010, "PersistResult")
    history.tried(3_600_010, 3_600_020)
    running = read(history)
    assert (running.status, running.finished_ms) == ("RUNNING", None)
    execution = read(history.left(3_600_021, "PersistResult").ended(3_600_022))
    assert execution.status == "SUCCEEDED"
    *_, failed, again = execution.steps
    assert (failed.name, failed.duration_ms, failed.waited_ms) == ("PersistResult", 99, 0)
    assert failed.error == "DynamoDB.InternalServerError"
    assert (again.name, again.duration_ms, again.waited_ms, again.error) == ("PersistResult", 11, 0, None)
    assert attempts(again) == [(3_600_010, 3_600_020, None)]


def test_a_step_that_is_visited_twice_stands_twice() -> None:
    history = History()
    history.entered(1, "InvokeBedrock").tried(2, 9, "ModelNotFound").left(9, "InvokeBedrock")
    history.entered(10, "ChooseProvider", "Choice").left(10, "ChooseProvider", "Choice")
    history.through(11, 30, "InvokeBedrock")
    assert [(step.name, step.error) for step in read(history).steps] == [
        ("InvokeBedrock", "ModelNotFound"),
        ("ChooseProvider", None),
        ("InvokeBedrock", None),
    ]


def test_a_clock_that_goes_back_makes_no_time_negative() -> None:
    (step,) = read(History().entered(50, "InvokeFlux").tried(40, 20).left(30, "InvokeFlux")).steps
    assert (step.duration_ms, attempts(step)) == (0, [(50, 50, None)])


GAPS = st.integers(0, 5000)
TRIES = st.lists(st.tuples(GAPS, GAPS, st.sampled_from(["ProviderThrottled", "States.Timeout"])), max_size=6)


@given(
    st.lists(st.tuples(TRIES, GAPS, GAPS), min_size=1, max_size=5),
    st.sampled_from(["aws", "ministack"]),
    st.sampled_from([None, "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"]),
)
def test_attempts_and_waits_add_up_to_no_more_than_their_step_and_steps_to_no_more_than_the_execution(
    visits: list[tuple[list[tuple[int, int, str]], int, int]], dialect: Dialect, cut: str | None
) -> None:
    history, now = History(dialect), 0
    for tries, before, after in visits:
        history.entered(now, "InvokeBedrock")
        now += before
        for wait, took, error in tries:
            history.tried(now, now + max(took, 1), error)
            now += max(took, 1) + wait
        history.tried(now, now + 1 + after)
        now += 1 + after
        history.left(now, "InvokeBedrock")
    if cut:
        history.entered(now, "InvokeFlux").add(now + 3, "TaskScheduled")
        now += 10
    execution = read(history.ended(now, cut or "ExecutionSucceeded"))
    assert len(execution.steps) == len(visits) + (cut is not None)
    for step, (tries, _, _) in zip(execution.steps, visits, strict=False):
        assert len(step.attempts) == len(tries) + 1
    for step in execution.steps:
        spent = sum(attempt.duration_ms or 0 for attempt in step.attempts) + step.waited_ms
        assert step.duration_ms is not None
        assert 0 <= spent <= step.duration_ms
    assert sum(step.duration_ms or 0 for step in execution.steps) <= (execution.duration_ms or 0)
    assert all(a.finished_ms is not None and a.finished_ms <= b.started_ms for a, b in pairwise(execution.steps))


@given(st.integers(1, 40))
def test_a_history_that_ends_anywhere_can_be_read(length: int) -> None:
    """A page read while the execution goes on."""
    events = two_retries("aws").events[:length]
    execution = read_history(events)
    assert execution
    assert execution.status in {"RUNNING", "SUCCEEDED"}
    assert all(isinstance(attempt, Attempt) for step in execution.steps for attempt in step.attempts)
