"""The templates for subscribers: right for CloudFormation, and none of them loses an event silently."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from local.rendering import ROOT
from promptmill.events.names import EventName

FILES = sorted((ROOT / "events" / "subscribers").glob("*.yaml"))
READ_THE_BUS = [file for file in FILES if file.stem != "cross-account-receiver"]


def template(file: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse(file.read_text(encoding="utf-8"))
    return parsed


def of_type(file: Path, kind: str) -> dict[str, dict[str, Any]]:
    resources = template(file)["Resources"].items()
    return {name: resource["Properties"] for name, resource in resources if resource["Type"] == kind}


def test_cfn_lint_finds_nothing() -> None:
    assert len(FILES) == 4
    result = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "--regions", "us-east-1", "--", *FILES],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_page_for_operators_names_it(file: Path) -> None:
    assert f"`{file.name}`" in (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", READ_THE_BUS, ids=lambda file: file.stem)
def test_it_finds_the_bus_by_the_parameter_of_a_stage(file: Path) -> None:
    (name,) = of_type(ROOT / "template.yaml", "AWS::SSM::Parameter").values()
    bus = template(file)["Parameters"]["EventBusArn"]
    assert bus["Type"] == "AWS::SSM::Parameter::Value<String>"
    assert bus["Default"] == name["Name"]["Fn::Sub"].replace("${Stage}", "dev")
    assert set(template(file)["Parameters"]["DetailTypes"]["Default"].split(",")) <= set(EventName)


@pytest.mark.parametrize("file", READ_THE_BUS, ids=lambda file: file.stem)
def test_what_its_rule_cannot_deliver_is_kept(file: Path) -> None:
    (rule,) = of_type(file, "AWS::Events::Rule").values()
    (target,) = rule["Targets"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86_400}
    dead_letters = target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"]
    assert of_type(file, "AWS::SQS::Queue")["".join(dead_letters).removesuffix("Arn")]
    assert {"Fn::GetAtt": dead_letters} in [
        statement["Resource"]
        for policy in of_type(file, "AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_queues_policy_is_about_that_queue_alone_and_lets_its_rule_in_alone(file: Path) -> None:
    """SQS refuses a policy whose statement has another resource than the queue it is set on."""
    for policy in of_type(file, "AWS::SQS::QueuePolicy").values():
        (queue,) = policy["Queues"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Resource"] == {"Fn::GetAtt": [queue["Ref"], "Arn"]}
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["EventsRule", "Arn"]}}}
