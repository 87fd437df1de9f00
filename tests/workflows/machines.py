"""A deployed state machine, and variants of it made from the same file with one thing in it changed."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx

from local.stack import ROOT
from promptmill.clock import random_hex
from tests.support.api import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from local.stack import Stack

GENERATION, DELETION, INTERACTIONS = (
    ROOT / "statemachines" / f"{name}.asl.json" for name in ("generation", "deletion", "interactions")
)
OWN_ARN = "$states.context.Execution.Id"
EXECUTION_CLOCK = "$toMillis($states.context.Execution.StartTime)"
# Queues, tables, a user pool and functions that are not there; a bus that is another account's.
MISSING = {
    "LibraryTableName": "promptmill-missing",
    "AnalyticsTableName": "promptmill-missing",
    "UserPoolId": "us-east-1_missing00",
    "ControlTableName": "promptmill-missing",
    "JobsTableName": "promptmill-missing",
    "EventBusName": "arn:aws:events:us-east-1:999999999999:event-bus/missing",
    "ParkedEventsQueueUrl": "http://127.0.0.1/000000000000/promptmill-missing",
    "InteractionsDeadLetterQueueUrl": "http://127.0.0.1/000000000000/promptmill-missing",
    "AssemblePromptFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:promptmill-missing",
    "InvokeBedrockFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:promptmill-missing",
    "InvokeFluxFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:promptmill-missing",
    "EnhanceByRulesFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:promptmill-missing",
    "ReplayRecordedFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:promptmill-missing",
}
# Nothing listens on the discard port.
NOWHERE = "http://127.0.0.1:9"

STUB = """
import json, os

def lambda_handler(event, context):
    if "ERROR" in os.environ:
        raise type(os.environ["ERROR"], (Exception,), {})
    return json.loads(os.environ["ANSWER"])
"""


@dataclass(frozen=True)
class Missing:
    """What the substitution names is not there."""


@dataclass(frozen=True)
class Copy:
    """The same function in another environment."""

    environment: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Stub:
    """A function that always fails with one error, or always answers the same."""

    error: str | None = None
    answer: str | None = None


@dataclass(frozen=True)
class Change:
    """In these states (None: in all) a substitution has another value."""

    substitution: str
    to: Missing | Copy | Stub
    states: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Machine:
    """``fixed_clock``: the time of the rate check is ``now_ms`` of the input, not the execution's start.

    ``stops_another``: an execution that would stop itself stops one that is not there.
    """

    changes: tuple[Change, ...] = ()
    fixed_clock: bool = False
    stops_another: bool = False


def missing(substitution: str, *states: str) -> Machine:
    return Machine((Change(substitution, Missing(), states or None),))


def copied(substitution: str, **environment: str) -> Machine:
    return Machine((Change(substitution, Copy(tuple(sorted(environment.items())))),))


def stubbed(**stubs: Stub) -> Machine:
    return Machine(tuple(Change(substitution, stub) for substitution, stub in stubs.items()))


@cache
def template(file: Path) -> dict[str, Any]:
    """The file as it is, substitutions unfilled."""
    definition: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return definition


class Machines:
    """Deploys each variant once. Safe to use from several threads."""

    def __init__(self, stack: Stack, file: Path) -> None:
        self.stack = stack
        self.file = file
        self.template = template(file)
        self._states = stack.client("stepfunctions")
        self._lambda = stack.client("lambda")
        self._lock = threading.Lock()
        deployed_arn = {
            GENERATION: stack.state_machine_arn,
            DELETION: stack.deletion_workflow_arn,
            INTERACTIONS: stack.interactions_workflow_arn,
        }[file]
        self._arns: dict[Machine, str] = {Machine(): deployed_arn}
        self._functions: dict[tuple[str, Copy | Stub], str] = {}
        deployed = self._states.describe_state_machine(stateMachineArn=deployed_arn)
        self._role_arn: str = deployed["roleArn"]
        self.deployed: dict[str, Any] = json.loads(deployed["definition"])
        self.values = dict(_substituted(self.template, self.deployed))

    @property
    def role_name(self) -> str:
        return self._role_arn.rpartition("/")[2]

    def arn(self, machine: Machine) -> str:
        with self._lock:
            if machine not in self._arns:
                definition = {
                    **self.template,
                    "States": {
                        name: _filled(state, self._values_in(name, machine))
                        for name, state in self.template["States"].items()
                    },
                }
                text = json.dumps(definition)
                if machine.fixed_clock:
                    assert EXECUTION_CLOCK in text
                    text = text.replace(EXECUTION_CLOCK, "$states.input.now_ms")
                if machine.stops_another:
                    assert OWN_ARN in text
                    text = text.replace(OWN_ARN, f"'{self.stack.state_machine_arn}:missing'")
                created = self._states.create_state_machine(
                    name=f"variant-{random_hex(4)}", definition=text, roleArn=self._role_arn
                )
                self._arns[machine] = created["stateMachineArn"]
            return self._arns[machine]

    def _values_in(self, state: str, machine: Machine) -> dict[str, str]:
        values = dict(self.values)
        for change in machine.changes:
            if change.states is None or state in change.states:
                values[change.substitution] = self._value(change)
        return values

    def _value(self, change: Change) -> str:
        if isinstance(change.to, Missing):
            return MISSING[change.substitution]
        key = (change.substitution, change.to)
        if key not in self._functions:
            self._functions[key] = self._create_function(change.substitution, change.to)
        return self._functions[key]

    def _create_function(self, substitution: str, wanted: Copy | Stub) -> str:
        deployed = self._lambda.get_function(FunctionName=self.values[substitution])
        original = deployed["Configuration"]
        if isinstance(wanted, Copy):
            variables = {**original["Environment"]["Variables"], **dict(wanted.environment)}
            code = httpx.get(deployed["Code"]["Location"]).content
        else:
            told = {"ERROR": wanted.error, "ANSWER": wanted.answer}
            variables = {name: value for name, value in told.items() if value is not None}
            code = _zip(STUB)
        created = self._lambda.create_function(
            FunctionName=f"{original['FunctionName'][:50]}-{random_hex(4)}",
            Runtime=original["Runtime"],
            Role=original["Role"],
            Handler=original["Handler"],
            Layers=[layer["Arn"] for layer in original["Layers"]] if isinstance(wanted, Copy) else [],
            Code={"ZipFile": code},
            Environment={"Variables": variables},
            Timeout=original["Timeout"],
        )

        def active() -> str | None:
            state = self._lambda.get_function_configuration(FunctionName=created["FunctionName"])
            return str(state["FunctionArn"]) if state["State"] == "Active" else None

        return eventually(active)


def _zip(source: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", source)
    return content.getvalue()


def _substituted(pattern: Any, filled: Any) -> Iterator[tuple[str, str]]:
    """(name, value) of every ``${Name}`` in the pattern."""
    if isinstance(pattern, dict):
        for key, value in pattern.items():
            yield from _substituted(value, filled[key])
    elif isinstance(pattern, list):
        for one, other in zip(pattern, filled, strict=True):
            yield from _substituted(one, other)
    elif isinstance(pattern, str) and pattern.startswith("${"):
        yield pattern[2:-1], filled


def _filled(pattern: Any, values: Mapping[str, str]) -> Any:
    if isinstance(pattern, dict):
        return {key: _filled(value, values) for key, value in pattern.items()}
    if isinstance(pattern, list):
        return [_filled(value, values) for value in pattern]
    if isinstance(pattern, str) and pattern.startswith("${"):
        return values[pattern[2:-1]]
    return pattern
