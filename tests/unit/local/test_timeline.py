from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from local.timeline import Step, steps, table, transitions

BEGAN = datetime(2026, 11, 21, 10, tzinfo=UTC)


def at(milliseconds: int, kind: str, **details: Any) -> dict[str, Any]:
    return {"timestamp": BEGAN + timedelta(milliseconds=milliseconds), "type": kind, **details}


def entered(milliseconds: int, name: str, kind: str = "Task") -> dict[str, Any]:
    return at(milliseconds, f"{kind}StateEntered", stateEnteredEventDetails={"name": name})


def left(milliseconds: int, kind: str = "Task") -> dict[str, Any]:
    return at(milliseconds, f"{kind}StateExited")


def failed(milliseconds: int, error: str) -> dict[str, Any]:
    return at(milliseconds, "TaskFailed", taskFailedEventDetails={"error": error})


HISTORY = [
    at(0, "ExecutionStarted"),
    entered(10, "ChooseProvider", "Choice"),
    left(11, "Choice"),
    entered(11, "InvokeBedrock"),
    at(12, "TaskScheduled"),
    failed(20, "ProviderThrottled"),
    at(1020, "TaskScheduled"),
    at(1100, "TaskSucceeded"),
    left(1101),
    entered(1102, "JobSucceeded", "Succeed"),
    left(1102, "Succeed"),
    at(1103, "ExecutionSucceeded"),
]


def test_a_step_has_its_time_its_attempts_and_their_errors() -> None:
    assert steps(HISTORY) == [
        Step("ChooseProvider", 10, 1),
        Step("InvokeBedrock", 11, 1090, attempts=2, errors=("ProviderThrottled",)),
        Step("JobSucceeded", 1102, 0),
    ]


def test_a_step_that_was_never_left_has_no_duration() -> None:
    history = [*HISTORY[:4], at(12, "TaskScheduled"), at(90_012, "TaskTimedOut", taskTimedOutEventDetails={})]
    assert steps([*history, at(90_013, "ExecutionFailed")])[-1] == Step(
        "InvokeBedrock", 11, None, attempts=1, errors=("TaskTimedOut",)
    )


def test_every_state_entered_and_every_retry_is_billed() -> None:
    assert transitions(HISTORY) == 4


def test_an_empty_history_has_no_steps() -> None:
    assert steps([]) == []
    assert len(table([])) == 1


def test_the_table_names_each_step_with_its_milliseconds_and_attempts() -> None:
    heading, choice, bedrock, end = table(steps(HISTORY))
    assert heading.split() == ["step", "at", "took", "attempts"]
    assert choice.split() == ["ChooseProvider", "10", "ms", "1", "ms"]
    assert bedrock.split() == ["InvokeBedrock", "11", "ms", "1,090", "ms", "2", "ProviderThrottled"]
    assert end.split() == ["JobSucceeded", "1,102", "ms", "0", "ms"]
