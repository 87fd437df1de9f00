"""A machine's role allows what the machine's states ask for, and nothing else; the local stack does not ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.architecture.machines import MACHINES, demands, deployed
from tests.support.grants import grants, literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.architecture.machines import Machine

OWN_EXECUTION = "{% $states.context.Execution.Id %}"
NAMES = ("FunctionName", "TableName", "QueueUrl", "ExecutionArn", "UserPoolId")
# Of AWS's own services, for every machine that logs and traces; what it needs is AWS's to say.
LOG_AND_TRACE = "LogAndTrace"


def asked(machine: Machine) -> Iterator[tuple[str, str]]:
    """(action, resource) of every task."""
    name, properties = deployed(machine)
    substitutions = properties["DefinitionSubstitutions"]
    for state in machine.of_type("Task").values():
        for action, arguments in demands(state):
            target = named(arguments)
            if target == OWN_EXECUTION:
                parts = "${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}"
                yield action, f"arn:{parts}:execution:${{{name}.Name}}:*"
            else:
                logical_id = literal(substitutions[target.strip("${}")]).strip("${}").removesuffix(".Arn")
                yield action, f"${{{logical_id}.Arn}}"


def named(arguments: dict[str, Any]) -> str:
    """What a task works on, as its arguments name it."""
    if "Entries" in arguments:
        (entry,) = arguments["Entries"]
        return str(entry["EventBusName"])
    found = [arguments[name] for name in NAMES if name in arguments]
    assert len(found) == 1, f"which of {sorted(arguments)} names what the task works on?"
    return str(found[0])


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.file.name)
def test_a_machine_may_do_what_its_states_ask_for_and_nothing_else(machine: Machine) -> None:
    name, _ = deployed(machine)
    allowed = {(g.action, g.resource) for g in grants() if g.role == f"{name}Role" and g.sid != LOG_AND_TRACE}
    assert allowed == set(asked(machine))
