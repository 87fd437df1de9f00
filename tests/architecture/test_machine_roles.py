"""A machine's role allows what the machine's states ask for, and nothing else; the local stack does not ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.rendering import ROOT, read_template
from tests.architecture.machines import ACTIONS, MACHINES
from tests.support.grants import grants, literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.architecture.machines import Machine

OWN_EXECUTION = "{% $states.context.Execution.Id %}"
NAMES = ("FunctionName", "TableName", "QueueUrl", "ExecutionArn", "UserPoolId")
# Of AWS's own services, for every machine that logs and traces; what it needs is AWS's to say.
LOG_AND_TRACE = "LogAndTrace"


def deployed(machine: Machine) -> tuple[str, dict[str, Any]]:
    """The logical id and the properties of the machine's resource."""
    (found,) = (
        (name, resource["Properties"])
        for name, resource in read_template()["Resources"].items()
        if ROOT / resource.get("Properties", {}).get("DefinitionUri", "") == machine.file
    )
    return found


def asked(machine: Machine) -> Iterator[tuple[str, str]]:
    """(action, resource) of every task."""
    name, properties = deployed(machine)
    substitutions = properties["DefinitionSubstitutions"]
    for state in machine.of_type("Task").values():
        assert state["Resource"] in ACTIONS, f"{state['Resource']}: say in ACTIONS what a role needs for it"
        for target in targets(state["Arguments"]):
            if target == OWN_EXECUTION:
                parts = "${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}"
                yield ACTIONS[state["Resource"]], f"arn:{parts}:execution:${{{name}.Name}}:*"
            else:
                logical_id = literal(substitutions[target.strip("${}")]).strip("${}").removesuffix(".Arn")
                yield ACTIONS[state["Resource"]], f"${{{logical_id}.Arn}}"


def targets(arguments: dict[str, Any]) -> list[str]:
    """What a task works on, as its arguments name it."""
    if "Entries" in arguments:
        return [entry["EventBusName"] for entry in arguments["Entries"]]
    if "TransactItems" in arguments:
        return [part["TableName"] for item in arguments["TransactItems"] for part in item.values()]
    named = [arguments[name] for name in NAMES if name in arguments]
    assert len(named) == 1, f"which of {sorted(arguments)} names what the task works on?"
    return named


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.file.name)
def test_a_machine_may_do_what_its_states_ask_for_and_nothing_else(machine: Machine) -> None:
    name, _ = deployed(machine)
    allowed = {(g.action, g.resource) for g in grants() if g.role == f"{name}Role" and g.sid != LOG_AND_TRACE}
    assert allowed == set(asked(machine))
