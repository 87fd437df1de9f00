"""One execution of the generation workflow, walked through in this process a state at a time.

The states, their arguments, conditions and error handlers are those of the definition; who performs a task is the
caller's. Pauses are not kept: whether an error is tried again, the caller says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from promptmill.clock import timestamp
from tests.unit.core.asl import evaluate, states

CONDITION_FAILED = "DynamoDB.ConditionalCheckFailedException"
TRANSACTION_CANCELED = "DynamoDb.TransactionCanceledException"
# (resource, arguments) -> result
Perform = Callable[[str, dict[str, Any]], Any]


class TaskFailed(Exception):
    """A task ended in an error, by the name Step Functions knows it by."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


@dataclass
class Walk:
    """``substitutions`` fill what the template would. ``status`` is the execution's; whoever stops it sets it.

    A crash leaves it in its state.
    """

    input: Mapping[str, Any]
    arn: str
    perform: Perform
    clock: Callable[[], int]
    substitutions: Mapping[str, str] = field(default_factory=dict)
    state: str = "AnnounceAccepted"
    status: str = "RUNNING"
    performed: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._variables: dict[str, Any] = {}
        context = {"Execution": {"Id": self.arn, "StartTime": timestamp(self.clock())}}
        self._states = {"input": dict(self.input), "context": context}

    @property
    def is_running(self) -> bool:
        return self.status == "RUNNING"

    def to_the_end(self) -> None:
        while self.is_running:
            self.step()

    def step(self, *, tried_again: bool = False) -> None:
        """Runs the state it is in. What is ``tried_again`` leaves it there when the definition has a retry for it."""
        state = states()[self.state]
        match state["Type"]:
            case "Task":
                self._run_task(state, tried_again=tried_again)
            case "Choice":
                chosen = (one for one in state["Choices"] if self._evaluate(one["Condition"]) is True)
                self._go(next(chosen, {"Next": state["Default"]}))
            case "Succeed":
                self.status = "SUCCEEDED"
            case "Fail":
                self.status = "FAILED"
            case other:
                raise NotImplementedError(other)

    def fail(self, error: str, *, tried_again: bool = False) -> None:
        """The task of the state it is in ends in this error."""
        state = states()[self.state]
        retry = next((one for one in state.get("Retry", []) if _matches(one, error)), None)
        if tried_again and retry is not None and retry.get("MaxAttempts", 3) > 0:
            return
        catch = next((one for one in state.get("Catch", []) if _matches(one, error)), None)
        if catch is None:
            self.status = "FAILED"
        else:
            self._go(catch, errorOutput={"Error": error, "Cause": ""})

    def _run_task(self, state: dict[str, Any], *, tried_again: bool) -> None:
        arguments = _filled(self._evaluate(state["Arguments"]), self.substitutions)
        self.performed.append((state["Resource"], arguments))
        try:
            result = self.perform(state["Resource"], arguments)
        except TaskFailed as error:
            if self.is_running:
                self.fail(error.name, tried_again=tried_again)
        else:
            if self.is_running:
                self._go(state, result=result)

    def _go(self, taken: Mapping[str, Any], **seen: Any) -> None:
        self._variables |= self._evaluate(taken.get("Assign", {}), **seen)
        if taken.get("End"):
            self.status = "SUCCEEDED"
        else:
            self.state = taken["Next"]

    def _evaluate(self, expression: Any, **seen: Any) -> Any:
        variables = {**self._variables, "states": {**self._states, **seen}}
        return evaluate(expression, variables, at_ms=self.clock())


def _matches(handler: Mapping[str, Any], error: str) -> bool:
    return error in handler["ErrorEquals"] or "States.ALL" in handler["ErrorEquals"]


def _filled(value: Any, substitutions: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(member, substitutions) for name, member in value.items()}
    if isinstance(value, list):
        return [_filled(member, substitutions) for member in value]
    if isinstance(value, str) and value.startswith("${"):
        return substitutions.get(value[2:-1], value)
    return value
