"""The operators' commands: what they print, and how they end."""

from __future__ import annotations

import json
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoRegionError
from click import ClickException
from click.testing import CliRunner, Result

from operations.__main__ import operations
from operations.deployment import Deployment, find_deployment
from promptmill import errors
from tests.support.builders import TEXT_RESULT, a_call, a_job, a_job_id
from tests.unit.execution.fakes import FakeExecutions
from tests.unit.execution.histories import History, failed_in
from tests.unit.jobs.fakes import MemoryJobStore


class Account:
    """One stack with one job; ``asked`` are the stages it was looked for in."""

    def __init__(self, history: History | None = None, *, error: errors.PromptmillError | None = None) -> None:
        jobs, self.job = MemoryJobStore(), a_job("running", result=TEXT_RESULT)
        jobs.add(self.job)
        jobs.calls[self.job.id, 1] = a_call(1, "succeeded", cost_usd=Decimal("0.000412"))
        self.executions = FakeExecutions({self.job.id: history or failed_in("PersistResult")}, error=error)
        self.asked: list[str] = []
        self._deployment = Deployment(jobs, self.executions)

    def find(self, stage: str) -> Deployment:
        self.asked.append(stage)
        return self._deployment

    def run(self, *arguments: str, endpoint: str = "") -> Result:
        return CliRunner(mix_stderr=False).invoke(
            operations, arguments, obj=self.find, env={"AWS_ENDPOINT_URL": endpoint}
        )


def test_a_redrive_is_told_in_a_sentence() -> None:
    account = Account()
    result = account.run("redrive", account.job.id)
    assert result.exit_code == 0
    expected = f"{account.job.id} goes on from PersistResult. Calls that are not made again cost $0.000412.\n"
    assert result.stdout == expected
    assert account.executions.redriven == [account.job.id]


def test_a_redrive_is_told_in_json() -> None:
    account = Account()
    result = account.run("redrive", account.job.id, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "job_id": account.job.id,
        "redriven_from": "PersistResult",
        "saved_usd": "0.000412",
    }


@pytest.mark.parametrize(
    ("arguments", "endpoint", "stage"),
    [
        ([], "", "dev"),
        (["--stage", "prod"], "", "prod"),
        ([], "http://127.0.0.1:4566", "local"),
        (["--stage", "staging"], "http://127.0.0.1:4566", "staging"),
    ],
)
def test_the_stage_is_the_one_named_or_the_one_the_shell_is_set_to(
    arguments: list[str], endpoint: str, stage: str
) -> None:
    account = Account()
    assert account.run("redrive", account.job.id, *arguments, endpoint=endpoint).exit_code == 0
    assert account.asked == [stage]


def test_a_refusal_says_why_and_ends_with_1() -> None:
    account = Account(History().through(1, 2, "PersistResult").ended(3))
    result = account.run("redrive", account.job.id)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "The execution succeeded." in result.stderr
    assert account.executions.redriven == []


def test_a_refusal_in_json_has_its_code() -> None:
    account = Account(History().through(1, 2, "PersistResult").ended(3))
    result = account.run("redrive", account.job.id, "--json")
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert (error["code"], error["detail"][:23]) == ("not_redrivable", "The execution succeeded")


def test_a_job_nobody_has_ends_with_1() -> None:
    result = Account().run("redrive", a_job_id())
    assert (result.exit_code, result.stderr) == (1, "Error: There is no such job.\n")


def test_what_does_not_work_right_now_ends_with_1() -> None:
    account = Account(error=errors.WorkflowUnavailable("The history of the execution cannot be read right now."))
    result = account.run("redrive", account.job.id)
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: The history of the execution cannot be read right now.\n",
    )


@pytest.mark.parametrize(
    "arguments", [["redrive"], ["redrive", "job_1"], ["redrive", a_job_id(), "--stage", "moon"], ["undo"], ["--what"]]
)
def test_wrong_usage_ends_with_2_and_asks_for_no_stack(arguments: list[str]) -> None:
    account = Account()
    result = account.run(*arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.stderr
    assert account.asked == []


def test_the_stack_of_a_stage_is_found_by_its_outputs() -> None:
    asked: list[Any] = []

    def client(service: str) -> Any:
        asked.append(service)
        outputs = {"JobsTableName": "jobs", "StateMachineArn": "arn:aws:states:eu-west-1:1:stateMachine:m"}
        described = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]

        def describe_stacks(**query: str) -> Any:
            asked.append(query)
            return {"Stacks": [{"Outputs": described}]}

        return SimpleNamespace(describe_stacks=describe_stacks)

    deployment = find_deployment("staging", session=SimpleNamespace(client=client))
    assert {"StackName": "promptmill-staging"} in asked
    assert deployment.executions.arn("job_x") == "arn:aws:states:eu-west-1:1:execution:m:job_x"


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ValidationError", "Message": "Stack with id x does not exist"}}, "D"),
        NoRegionError(),
    ],
)
def test_a_stage_that_is_not_there_is_said_with_the_reason(error: Exception) -> None:
    def client(_service: str) -> Any:
        raise error

    with pytest.raises(ClickException) as caught:
        find_deployment("dev", session=SimpleNamespace(client=client))
    assert "The stack of stage dev cannot be found" in caught.value.message
    assert str(error) in caught.value.message
