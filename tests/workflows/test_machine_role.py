"""The machine's role allows what its states ask for, and only that.

The local stack runs the states without asking the role, so it is asked here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptmill.jobs.execution.address import execution_arn
from tests.architecture.machines import ACTIONS
from tests.workflows.machines import template

if TYPE_CHECKING:
    from tests.workflows.cases import Runs

# Where a state's arguments name what it works on.
TARGETS = ("TableName", "FunctionName", "QueueUrl")


def test_the_role_allows_each_state_its_one_action_on_its_one_resource(runs: Runs) -> None:
    for name, action, resource in _demands(runs):
        assert _decision(runs, action, resource) == "allowed", name


def test_the_role_allows_the_same_actions_on_nothing_else(runs: Runs) -> None:
    for name, action, resource in _demands(runs):
        assert _decision(runs, action, _other(resource)) != "allowed", name


def test_the_role_reads_no_table_and_no_bucket(runs: Runs) -> None:
    tables = [resource for _, action, resource in _demands(runs) if action == "dynamodb:UpdateItem"]
    denied = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:PutItem", "dynamodb:DeleteItem"]
    assert {_decision(runs, action, table) for action in denied for table in tables} == {"implicitDeny"}
    bucket = f"arn:aws:s3:::{runs.world.stack.artifacts_bucket}/artifacts/x"
    assert _decision(runs, "s3:GetObject", bucket) == "implicitDeny"


def _demands(runs: Runs) -> list[tuple[str, str, str]]:
    """(state, action, resource ARN) of every task."""
    return [
        (name, ACTIONS[state["Resource"]], _arn(runs, state["Arguments"]))
        for name, state in template()["States"].items()
        if state["Type"] == "Task"
    ]


def _other(resource: str) -> str:
    """Another one of its kind; an execution is one of another machine's."""
    machine, execution, name = resource.partition(":job_")
    return f"{machine}-other{execution}{name}"


def _arn(runs: Runs, arguments: dict[str, Any]) -> str:
    account = "us-east-1:000000000000"
    if "Entries" in arguments:
        return f"arn:aws:events:{account}:event-bus/{runs.world.stack.bus_name}"
    if "ExecutionArn" in arguments:
        return execution_arn(runs.world.stack.state_machine_arn, "job_1")
    name = next(arguments[target] for target in TARGETS if target in arguments)
    value = runs.world.machines.values[name.strip("${}")]
    if value.startswith("arn:"):
        return value
    if value.startswith("http"):
        return f"arn:aws:sqs:{account}:{value.rpartition('/')[2]}"
    return f"arn:aws:dynamodb:{account}:table/{value}"


def _decision(runs: Runs, action: str, resource: str) -> str:
    answer = runs.world.stack.client("iam").simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::000000000000:role/{runs.world.machines.role_name}",
        ActionNames=[action],
        ResourceArns=[resource],
    )
    decision: str = answer["EvaluationResults"][0]["EvalDecision"]
    return decision
