"""A machine's role allows what its states ask for, and only that.

The local stack runs the states without asking the role, so it is asked here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptmill.jobs.execution.address import execution_arn
from tests.architecture.machines import demands
from tests.workflows.machines import DELETION, GENERATION, INTERACTIONS, Machines

if TYPE_CHECKING:
    from local.stack import Stack

# Where a state's arguments name what it works on.
TARGETS = ("TableName", "FunctionName", "QueueUrl", "UserPoolId")
ON_A_TABLE = {
    f"dynamodb:{action}" for action in ("GetItem", "Query", "Scan", "PutItem", "DeleteItem", "BatchWriteItem")
}
ACCOUNT = "us-east-1:000000000000"


@pytest.fixture(scope="module", params=[GENERATION, DELETION, INTERACTIONS], ids=lambda file: file.stem)
def machines(stack: Stack, request: pytest.FixtureRequest) -> Machines:
    return Machines(stack, request.param)


def test_the_role_allows_each_state_its_one_action_on_its_one_resource(machines: Machines) -> None:
    for name, action, resource in _demands(machines):
        assert _decision(machines, action, resource) == "allowed", name


def test_the_role_allows_the_same_actions_on_nothing_else(machines: Machines) -> None:
    for name, action, resource in _demands(machines):
        assert _decision(machines, action, _other(resource)) != "allowed", name


def test_the_role_reads_no_table_and_no_bucket(machines: Machines) -> None:
    demanded = _demands(machines)
    tables = {resource for _, action, resource in demanded if action.startswith("dynamodb:")}
    denied = ON_A_TABLE - {action for _, action, _ in demanded}
    assert {_decision(machines, action, table) for action in denied for table in tables} == {"implicitDeny"}
    bucket = f"arn:aws:s3:::{machines.stack.artifacts_bucket}/artifacts/x"
    assert _decision(machines, "s3:GetObject", bucket) == "implicitDeny"


def _demands(machines: Machines) -> list[tuple[str, str, str]]:
    """(state, action, resource ARN) of every task."""
    return [
        (name, action, _arn(machines, arguments))
        for name, state in machines.template["States"].items()
        if state["Type"] == "Task"
        for action, arguments in demands(state)
    ]


def _other(resource: str) -> str:
    """Another one of its kind; an execution is one of another machine's."""
    machine, execution, name = resource.partition(":job_")
    return f"{machine}-other{execution}{name}"


def _arn(machines: Machines, arguments: dict[str, Any]) -> str:
    if "Entries" in arguments:
        return f"arn:aws:events:{ACCOUNT}:event-bus/{machines.stack.bus_name}"
    if "ExecutionArn" in arguments:
        return execution_arn(machines.stack.state_machine_arn, "job_1")
    target = next(target for target in TARGETS if target in arguments)
    value = machines.values[arguments[target].strip("${}")]
    match target:
        case "FunctionName":
            return value
        case "QueueUrl":
            return f"arn:aws:sqs:{ACCOUNT}:{value.rpartition('/')[2]}"
        case "UserPoolId":
            return f"arn:aws:cognito-idp:{ACCOUNT}:userpool/{value}"
        case _:
            return f"arn:aws:dynamodb:{ACCOUNT}:table/{value}"


def _decision(machines: Machines, action: str, resource: str) -> str:
    answer = machines.stack.client("iam").simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::000000000000:role/{machines.role_name}",
        ActionNames=[action],
        ResourceArns=[resource],
    )
    decision: str = answer["EvaluationResults"][0]["EvalDecision"]
    return decision
