from __future__ import annotations

from local.timeline import table, transitions
from promptmill.jobs.execution.history import Execution, read_history
from tests.unit.execution.histories import History, two_retries


def read(history: History) -> Execution:
    execution = read_history(history.events)
    assert execution
    return execution


def test_every_state_entered_and_every_retry_is_billed() -> None:
    assert transitions(read(two_retries("ministack"))) == 5


def test_an_execution_that_has_just_begun_has_an_empty_table() -> None:
    assert len(table(read(History()))) == 1


def test_the_table_names_each_step_with_its_milliseconds_and_attempts() -> None:
    heading, choice, bedrock, end = table(read(two_retries("ministack")))
    assert heading.split() == ["step", "at", "took", "attempts"]
    assert choice.split() == ["ChooseProvider", "10", "ms", "1", "ms"]
    assert bedrock.split() == [
        *("InvokeBedrock", "11", "ms", "3,090", "ms", "3"),
        *("ProviderThrottled,", "ProviderThrottled"),
    ]
    assert end.split() == ["JobSucceeded", "3,102", "ms", "0", "ms"]
