"""An execution as its history tells it: the visits of its states, their attempts and what went wrong. Pure.

Reads what GetExecutionHistory answers of a machine without Map and Parallel, from AWS or from MiniStack, which tells
less of each attempt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
_ATTEMPT = re.compile(
    r"(?:Task|LambdaFunction|Activity)(Scheduled|Succeeded|(?:Start|Submit|Schedule)?Failed|TimedOut)"
)


class ExecutionStatus(StrEnum):
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


_STATUSES = {
    "ExecutionStarted": ExecutionStatus.RUNNING,
    "ExecutionRedriven": ExecutionStatus.RUNNING,
    "ExecutionSucceeded": ExecutionStatus.SUCCEEDED,
    "ExecutionFailed": ExecutionStatus.FAILED,
    "ExecutionTimedOut": ExecutionStatus.TIMED_OUT,
    "ExecutionAborted": ExecutionStatus.ABORTED,
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a task, from being scheduled on. ``error`` is the name of the error it ended with."""

    started_ms: int
    finished_ms: int | None = None
    error: str | None = None

    @property
    def duration_ms(self) -> int | None:
        return None if self.finished_ms is None else self.finished_ms - self.started_ms


@dataclass(frozen=True, slots=True)
class Step:
    """One visit of one state; times are milliseconds since the epoch.

    ``kind`` is the state's type. A state that calls nothing has no attempts. ``error`` is that of the latest try.
    """

    name: str
    kind: str
    started_ms: int
    finished_ms: int | None = None
    error: str | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def duration_ms(self) -> int | None:
        return None if self.finished_ms is None else self.finished_ms - self.started_ms

    @property
    def waited_ms(self) -> int:
        """The time between attempts: what Retry waited."""
        return sum(
            later.started_ms - earlier.finished_ms
            for earlier, later in pairwise(self.attempts)
            if earlier.finished_ms is not None
        )


@dataclass(frozen=True, slots=True)
class Execution:
    """``finished_ms`` is None while it runs. ``steps`` stand in the order they were entered."""

    status: ExecutionStatus
    started_ms: int
    finished_ms: int | None
    steps: tuple[Step, ...]

    @property
    def duration_ms(self) -> int | None:
        return None if self.finished_ms is None else self.finished_ms - self.started_ms


def read_history(history: Iterable[dict[str, Any]]) -> Execution | None:
    """The execution of a history, oldest event first; None without events.

    Times never go back, so what happens within a step adds up to no more than the step.
    """
    steps: list[Step] = []
    status, started_ms, finished_ms, now_ms = ExecutionStatus.RUNNING, None, None, 0
    for event in history:
        kind = event["type"]
        now_ms = max(now_ms, round(event["timestamp"].timestamp() * 1000))
        started_ms = now_ms if started_ms is None else started_ms
        if kind in _STATUSES:
            status = _STATUSES[kind]
            finished_ms = None if status is ExecutionStatus.RUNNING else now_ms
            if finished_ms is not None and steps and steps[-1].finished_ms is None:
                steps[-1] = _cut_short(steps[-1], now_ms, event)
        elif finished_ms is not None:
            continue  # MiniStack still tells how the task ended that was under way.
        elif kind.endswith("StateEntered"):
            name = event["stateEnteredEventDetails"]["name"]
            steps.append(Step(name, kind.removesuffix("StateEntered"), now_ms))
        elif steps:
            steps[-1:] = _continued(steps[-1], now_ms, event)
    return None if started_ms is None else Execution(status, started_ms, finished_ms, tuple(steps))


def _continued(step: Step, now_ms: int, event: dict[str, Any]) -> list[Step]:
    """The step after one more event, with a new visit of it when a redrive went on from there."""
    kind, attempts = event["type"], step.attempts
    tried = _ATTEMPT.fullmatch(kind)
    if kind.endswith("StateExited") and step.finished_ms is None:
        return [replace(step, finished_ms=now_ms)]
    if tried and tried[1] == "Scheduled":
        # AWS writes no StateEntered when it goes on from a task that had failed.
        before = [] if step.finished_ms is None else [step]
        going = Step(step.name, step.kind, now_ms) if before else step
        return [*before, replace(going, error=None, attempts=(*going.attempts, Attempt(now_ms)))]
    if kind == "EvaluationFailed" or tried:
        error = None if kind.endswith("Succeeded") else _error(event)
        if tried and attempts and attempts[-1].finished_ms is None:
            attempts = (*attempts[:-1], replace(attempts[-1], finished_ms=now_ms, error=error))
        elif kind.endswith("ScheduleFailed"):
            attempts = (*attempts, Attempt(now_ms, now_ms, error))
        return [replace(step, error=error, attempts=attempts)]
    return [step]


def _cut_short(step: Step, now_ms: int, event: dict[str, Any]) -> Step:
    """The step in which the execution ended, with the attempt that was under way."""
    error = None if event["type"] == "ExecutionSucceeded" else _error(event)
    attempts = tuple(
        attempt if attempt.finished_ms is not None else replace(attempt, finished_ms=now_ms, error=error)
        for attempt in step.attempts
    )
    return replace(step, finished_ms=now_ms, error=error, attempts=attempts)


def _error(event: dict[str, Any]) -> str:
    """The name of an error; never its cause, which may quote anything."""
    kind = event["type"]
    details = event.get(f"{kind[0].lower()}{kind[1:]}EventDetails", {})
    return str(details.get("error") or kind)
