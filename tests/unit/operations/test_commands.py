"""What all operators' commands have in common: how they are found, what they are told, how they end."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime
from email.utils import format_datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import click
import pytest
from botocore.exceptions import ClientError, NoRegionError
from click.testing import CliRunner

from local.rendering import ROOT, read_template
from operations.__main__ import main
from operations.deployment import Deployment, Resource, find_deployment
from operations.program import operations
from promptmill import errors
from promptmill.clock import new_id, now_ms
from tests.support.builders import AT_MS, a_job_id
from tests.unit.operations.stage import Stage

OPERATIONS = ROOT / "operations"
MORE_THAN_THERE_IS = "99999999999999999999"
LISTINGS = (
    ("jobs", "ls"),
    ("keys", "ls"),
    ("webhooks", "ls"),
    ("webhooks", "deliveries", new_id("whk", AT_MS)),
    ("dlq", "show", "ParkedEventsQueue"),
    ("dlq", "redrive", "ParkedEventsQueue"),
)
LIMITS = "requests_per_minute=1,burst=2,concurrent_jobs=3,images_per_day=4,daily_usd=5.00"


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every group and command, by the words that name it."""
    found = [path]
    for name, command in group.commands.items():
        found += commands(command, (*path, name)) if isinstance(command, click.Group) else [(*path, name)]
    return found


def command_at(path: tuple[str, ...]) -> click.Command:
    command: click.Command = operations
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command


def test_the_installed_command_is_the_one_that_python_runs() -> None:
    (entry,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"].items()
    module, _, function = entry[1].partition(":")
    assert entry[0] == "promptmill"
    assert getattr(import_module(module), function) is main


@pytest.mark.parametrize("path", commands(operations), ids=" ".join)
def test_every_command_says_what_it_does(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(operations, [*path, "--help"])
    assert result.exit_code == 0
    usage, _, described = result.output.partition("\n")
    assert " ".join(path) in usage
    assert described.strip()


def test_what_can_be_chosen_is_shown_as_it_is_written() -> None:
    invoke = CliRunner(mix_stderr=False).invoke
    shown = invoke(operations, ["keys", "ls", "--status", "nope"]).stderr
    assert "'nope' is not one of 'active', 'expired', 'revoked'." in shown
    chosen = [option for path in commands(operations) for option in command_at(path).params]
    assert {type(name) for one in chosen if isinstance(one.type, click.Choice) for name in one.type.choices} == {str}


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
    account = Stage()
    assert account.run("jobs", "ls", *arguments, endpoint=endpoint).exit_code == 0
    assert account.asked == [stage]


@pytest.mark.parametrize(
    "arguments",
    [
        ["jobs", "redrive"],
        ["jobs", "redrive", "job_1"],
        ["jobs", "redrive", a_job_id(), "--stage", "moon"],
        ["jobs", "ls", "--status", "lost"],
        ["jobs", "ls", "--owner", "somebody"],
        ["jobs", "ls", "--since", "yesterday"],
        ["jobs", "ls", "--limit", "0"],
        *([*listing, "--limit", MORE_THAN_THERE_IS] for listing in LISTINGS),
        ["limits", "set", f"ip_{'0' * 32}", "--burst", "1"],
        ["keys", "create", "--name", "billing"],
        ["dlq", "redrive"],
        ["dlq", "discard", "ParkedEventsQueue"],
        ["dlq", "show", "ParkedEventsQueue", "--limit", "0"],
        ["events", "tail", "--name", "moon.risen"],
        ["events", "tail", "--for", "long"],
        ["webhooks", "deliveries", "evt_1"],
        ["webhooks", "redeliver", "whk_1", "--failed"],
        ["undo"],
        ["--what"],
    ],
)
def test_wrong_usage_ends_with_2_and_asks_for_no_stack(arguments: list[str]) -> None:
    account = Stage()
    result = account.run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage:" in result.stderr
    assert account.asked == []


def test_what_does_not_work_right_now_ends_with_1_and_a_sentence() -> None:
    account = Stage(error=errors.WorkflowUnavailable("The history of the execution cannot be read right now."))
    result = account.run("executions", "show", account.has().id)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: The history of the execution cannot be read right now.\n"


def test_a_right_that_is_missing_is_named() -> None:
    said = "User: arn:aws:iam::1:user/ada is not authorized to perform: dynamodb:Query"
    refused = errors.BrokenContractError("the store refused: AccessDeniedException")
    refused.__cause__ = ClientError({"Error": {"Code": "AccessDeniedException", "Message": said}}, "Query")
    account = Stage(error=refused)
    result = account.run("executions", "show", account.has().id)
    assert result.exit_code == 1
    assert said in result.stderr


def test_what_only_aws_knows_is_said_as_it_says_it() -> None:
    account = Stage(error=ClientError({"Error": {"Code": "ExpiredToken", "Message": "It is over."}}, "Any"))  # type: ignore[arg-type]
    result = account.run("executions", "show", account.has().id)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "It is over." in result.stderr
    assert "Traceback" not in result.stderr


def test_an_interruption_ends_with_130_and_no_traceback() -> None:
    account = Stage(error=KeyboardInterrupt())  # type: ignore[arg-type]
    result = account.run("executions", "show", account.has().id)
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr.strip() == "Interrupted."


def a_session(
    outputs: dict[str, str], parameters: dict[str, str], asked: list[Any], headers: dict[str, str] | None = None
) -> Any:
    def describe_stacks(**query: str) -> Any:
        asked.append(query)
        stack: dict[str, Any] = {
            "StackStatus": "CREATE_IN_PROGRESS",
            "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        }
        if outputs:
            stack["Outputs"] = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
        return {"Stacks": [stack], "ResponseMetadata": {"HTTPHeaders": headers or {}}}

    def client(service: str, **_config: Any) -> Any:
        asked.append(service)
        return SimpleNamespace(describe_stacks=describe_stacks)

    return SimpleNamespace(client=client)


def test_the_stack_of_a_stage_is_found_by_its_outputs_and_parameters() -> None:
    asked: list[Any] = []
    outputs = {"JobsTableName": "jobs", "StateMachineArn": "arn:aws:states:eu-west-1:1:stateMachine:m"}
    parameters = {"JobRetentionDays": "14", "TextModels": "nova-2-lite", "ImageModels": "flux-schnell"}
    parameters |= dict.fromkeys(("AnonymousLimits", "UserLimits", "KeyLimits"), LIMITS)
    outputs["ControlTableName"] = "control"
    deployment = find_deployment("staging", session=a_session(outputs, parameters, asked))
    assert asked == ["cloudformation", {"StackName": "promptmill-staging"}]
    assert deployment.executions.arn("job_x") == "arn:aws:states:eu-west-1:1:execution:m:job_x"
    assert deployment.intake.retention_days == 14
    assert deployment.intake.configured["enhance"] == ["nova-2-lite"]
    assert deployment.plans["key"].allowance.images_per_day == 4


def test_a_part_that_the_stack_does_not_have_is_missed_where_it_is_needed() -> None:
    deployment = find_deployment("dev", session=a_session({"EventBusName": "bus"}, {}, []))
    with pytest.raises(click.ClickException, match="JobsTableName"):
        _ = deployment.jobs


def test_a_stack_that_was_never_deployed_in_full_is_said_to_be_so() -> None:
    with pytest.raises(click.ClickException) as caught:
        find_deployment("dev", session=a_session({}, {}, []))
    assert caught.value.message == "The stack of stage dev is CREATE_IN_PROGRESS and has no outputs."


def test_what_a_stack_has_not_made_yet_is_none_of_its_resources() -> None:
    summaries = [
        {"LogicalResourceId": "JobsTable", "ResourceType": "AWS::DynamoDB::Table", "PhysicalResourceId": "jobs"},
        {"LogicalResourceId": "DeliveriesQueue", "ResourceType": "AWS::SQS::Queue"},
    ]
    pages = SimpleNamespace(paginate=lambda **_query: [{"StackResourceSummaries": summaries}])
    client = SimpleNamespace(get_paginator=lambda _operation: pages)
    deployment = Deployment("dev", {}, SimpleNamespace(client=lambda *_args, **_config: client))
    assert deployment.resources == {"JobsTable": Resource("AWS::DynamoDB::Table", "jobs")}
    with pytest.raises(click.ClickException, match="has no DeliveriesQueue"):
        _ = deployment.delivery_queue


def http_date(at_ms: int) -> str:
    return format_datetime(datetime.fromtimestamp(at_ms // 1000, UTC), usegmt=True)


@pytest.mark.parametrize("ahead_ms", [-90_000, 0, 90_000])
def test_how_far_this_machines_clock_is_ahead_is_told_by_the_answer_that_describes_the_stack(ahead_ms: int) -> None:
    date = {"date": http_date(now_ms() - ahead_ms)}
    deployment = find_deployment("dev", session=a_session({"EventBusName": "bus"}, {}, [], date))
    assert abs(deployment.clock_ahead_ms - ahead_ms) < 30_000


def test_an_answer_without_a_date_says_nothing_of_the_clock() -> None:
    assert find_deployment("dev", session=a_session({"EventBusName": "bus"}, {}, [])).clock_ahead_ms == 0


@pytest.mark.parametrize(("ahead_ms", "wrong"), [(-90_000, "90 seconds behind AWS's"), (61_000, "61 seconds ahead of")])
def test_by_a_wrong_clock_nothing_is_changed_and_who_looks_is_warned(ahead_ms: int, wrong: str) -> None:
    account = Stage()
    account.deployment.clock_ahead_ms = ahead_ms
    job = account.has()
    refused = account.run("jobs", "cancel", job.id)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert wrong in refused.stderr
    assert (account.jobs.jobs, account.journal.lines) == ({job.id: job}, [])
    for looks in (["jobs", "show", job.id], ["jobs", "cancel", job.id, "--dry-run"]):
        result = account.run(*looks)
        assert (result.exit_code, result.stderr.count(wrong)) == (0, 1), result.stderr
        assert result.stdout


@pytest.mark.parametrize("ahead_ms", [-59_000, 59_000])
def test_clocks_that_hardly_differ_are_not_spoken_of(ahead_ms: int) -> None:
    account = Stage()
    account.deployment.clock_ahead_ms = ahead_ms
    result = account.run("jobs", "cancel", account.has().id)
    assert (result.exit_code, result.stderr) == (0, "")


def test_what_a_stack_is_asked_for_is_an_output_or_a_parameter_of_the_template() -> None:
    template = read_template()
    asked = re.findall(r'\.value_of\("(\w+)"\)', "".join(file.read_text() for file in OPERATIONS.glob("*.py")))
    assert len(asked) > 10
    assert set(asked) <= template["Outputs"].keys() | template["Parameters"].keys()


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ValidationError", "Message": "Stack with id x does not exist"}}, "D"),
        NoRegionError(),
        # An endpoint that is no URL.
        ValueError("Invalid endpoint: foo"),
    ],
)
def test_a_stage_that_is_not_there_is_said_with_the_reason(error: Exception) -> None:
    def client(_service: str) -> Any:
        raise error

    with pytest.raises(click.ClickException) as caught:
        find_deployment("dev", session=SimpleNamespace(client=client))
    assert "The stack of stage dev cannot be found" in caught.value.message
    assert str(error) in caught.value.message


def test_the_local_stage_is_not_looked_for_in_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(click.ClickException, match=r"source \.local/env"):
        find_deployment("local", session=a_session({"EventBusName": "bus"}, {}, []))
