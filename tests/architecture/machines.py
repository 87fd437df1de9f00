"""The state machines as graphs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from local.rendering import ROOT, read_template

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

State = dict[str, Any]


@dataclass(frozen=True)
class Machine:
    file: Path

    @cached_property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8")

    @cached_property
    def definition(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.text)
        return document

    @cached_property
    def states(self) -> dict[str, State]:
        states: dict[str, State] = self.definition["States"]
        return states

    def of_type(self, kind: str) -> dict[str, State]:
        return {name: state for name, state in self.states.items() if state["Type"] == kind}


# What a role has to allow for an integration.
ACTIONS = {
    "arn:aws:states:::events:putEvents": "events:PutEvents",
    "arn:aws:states:::dynamodb:updateItem": "dynamodb:UpdateItem",
    "arn:aws:states:::dynamodb:putItem": "dynamodb:PutItem",
    "arn:aws:states:::lambda:invoke": "lambda:InvokeFunction",
    "arn:aws:states:::sqs:sendMessage": "sqs:SendMessage",
    "arn:aws:states:::aws-sdk:sfn:stopExecution": "states:StopExecution",
    "arn:aws:states:::aws-sdk:cognitoidentityprovider:adminDeleteUser": "cognito-idp:AdminDeleteUser",
}
# Who may make the writes of a transaction may make it.
TRANSACTION = "arn:aws:states:::aws-sdk:dynamodb:transactWriteItems"
WRITES = {"Put": "dynamodb:PutItem", "Update": "dynamodb:UpdateItem"}

MACHINES = [Machine(file) for file in sorted((ROOT / "statemachines").glob("*.asl.json"))]
GENERATION, DELETION, INTERACTIONS = (
    Machine(ROOT / "statemachines" / f"{name}.asl.json") for name in ("generation", "deletion", "interactions")
)


def deployed(machine: Machine) -> tuple[str, dict[str, Any]]:
    """The logical id and the properties of the machine's resource."""
    (found,) = (
        (name, resource["Properties"])
        for name, resource in read_template()["Resources"].items()
        if ROOT / resource.get("Properties", {}).get("DefinitionUri", "") == machine.file
    )
    return found


def lambda_tasks(machine: Machine) -> dict[str, State]:
    return {
        name: state
        for name, state in machine.of_type("Task").items()
        if state["Resource"] == "arn:aws:states:::lambda:invoke"
    }


def demands(task: State) -> Iterator[tuple[str, dict[str, Any]]]:
    """(action a role has to allow, arguments that name what it is done to) of a task, or of each write of one."""
    if task["Resource"] == TRANSACTION:
        for write in task["Arguments"]["TransactItems"]:
            yield from ((WRITES[kind], arguments) for kind, arguments in write.items())
    else:
        assert task["Resource"] in ACTIONS, f"{task['Resource']}: say in ACTIONS what a role needs for it"
        yield ACTIONS[task["Resource"]], task["Arguments"]


def targets(state: State) -> Iterator[str]:
    """The states this one can go to."""
    for place in (state, *state.get("Choices", []), *state.get("Catch", [])):
        for field in ("Next", "Default"):
            if field in place:
                yield place[field]


def reachable(machine: Machine) -> set[str]:
    seen: set[str] = set()
    pending = [machine.definition["StartAt"]]
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending += targets(machine.states[name])
    return seen


def worst_seconds(state: State) -> float:
    """The longest a state can take: every attempt times out, every pause is as long as jitter allows.

    Each retrier counts for itself: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    if state["Type"] != "Task":
        return 0
    seconds = float(state["TimeoutSeconds"])
    for retrier in state.get("Retry", []):
        for attempt in range(retrier["MaxAttempts"]):
            pause = min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** attempt, retrier["MaxDelaySeconds"])
            seconds += pause + state["TimeoutSeconds"]
    return seconds


def longest_seconds(machine: Machine, start: str, *, without: frozenset[str] = frozenset()) -> float:
    """The longest way from ``start`` to an end that visits no state twice, and none of ``without``."""

    def walk(name: str, visited: frozenset[str]) -> float:
        seen = visited | {name}
        ways = (walk(target, seen) for target in set(targets(machine.states[name])) - seen - without)
        return worst_seconds(machine.states[name]) + max(ways, default=0.0)

    return walk(start, frozenset())
