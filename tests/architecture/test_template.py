"""House rules of template.yaml that neither cfn-lint nor checkov knows."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from local.rendering import ROOT, TEMPLATE, read_template, render_template
from local.stack import STACK_NAME
from promptmill.clock import now_ms, timestamp
from promptmill.providers.catalog import candidates, load_catalog
from tests.architecture.machines import MACHINES
from tests.support.grants import listed, literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Resource = dict[str, Any]
Statement = dict[str, Any]

SECTIONS = {
    "api": {"AWS::Serverless::Api", "AWS::ApiGateway::GatewayResponse"},
    "workflows": {"AWS::Serverless::StateMachine", "AWS::IAM::Policy"},
    "functions": {"AWS::Serverless::Function", "AWS::Serverless::LayerVersion"},
    "sign-in": {f"AWS::Cognito::{kind}" for kind in ("UserPool", "UserPoolClient", "UserPoolGroup", "UserPoolDomain",
                                                     "ManagedLoginBranding")},
    "data": {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::SecretsManager::Secret"},
    "events": {
        "AWS::Events::EventBus", "AWS::Events::Archive", "AWS::Events::Rule",
        "AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "AWS::SSM::Parameter", "AWS::IAM::Role",
    },
    "logs": {"AWS::Logs::LogGroup", "AWS::Logs::ResourcePolicy", "AWS::Logs::QueryDefinition"},
    "alarms": {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Budgets::Budget"},
}  # fmt: skip
TOP_LEVEL = (
    "AWSTemplateFormatVersion", "Transform", "Description", "Metadata", "Parameters", "Rules", "Conditions",
    "Globals", "Resources", "Outputs",
)  # fmt: skip

# Queues that are the end of the line: an alarm watches them, a person empties them.
LAST_QUEUES = {
    "SubscriberDeadLetterQueue",
    "EventDeadLetterQueue",
    "ParkedEventsQueue",
    "WebhookEventsDeadLetterQueue",
    "DeliveriesDeadLetterQueue",
    "AnalyticsDeadLetterQueue",
    "InteractionsDeadLetterQueue",
}
# Losing it loses nothing of value (docs/decisions).
WITHOUT_BACKUPS = {"ControlTable"}
STATEFUL = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Logs::LogGroup"}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return read_template()


@pytest.fixture(scope="module")
def rendered() -> dict[str, Any]:
    return render_template()


def of_type(template: dict[str, Any], kind: str) -> dict[str, Resource]:
    found = {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == kind}
    assert found, f"there is no {kind}"
    return found


def statements(template: dict[str, Any]) -> Iterator[tuple[str, Statement]]:
    """(resource, statement) of every policy in the template, whatever it hangs on."""
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        for document in (*listed(properties.get("Policies", [])), properties.get("PolicyDocument", {})):
            if isinstance(document, dict) and "Statement" in document:
                yield from ((name, statement) for statement in listed(document["Statement"]))


def test_the_template_reads_in_one_order(template: dict[str, Any]) -> None:
    assert list(template) == [name for name in TOP_LEVEL if name in template]
    section, order, misplaced = "", [], []
    for line in TEMPLATE.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"  # -{20,} ([\w-]+)", line):
            section = heading[1]
            order.append(section)
        elif section and (name := re.fullmatch(r"  (\w+):", line)):
            kind = template["Resources"].get(name[1], {}).get("Type")
            misplaced += [f"{name[1]} in {section}"] if kind and kind not in SECTIONS[section] else []
    assert order == list(SECTIONS)
    assert misplaced == []


def test_functions_stand_in_the_order_of_the_workflow(template: dict[str, Any]) -> None:
    names = [name.removesuffix("Function") for name in of_type(template, "AWS::Serverless::Function")]
    steps = [state for machine in MACHINES for state in machine.states if f"{state}Function" in template["Resources"]]
    assert names[-len(steps) :] == steps


def test_every_statement_says_what_it_is_for(template: dict[str, Any]) -> None:
    assert [name for name, statement in statements(template) if not statement.get("Sid")] == []
    assert all(statement.keys() <= {"Sid", "Effect", "Action", "Resource", "Principal", "Condition"}
               for _, statement in statements(template))  # fmt: skip


def test_every_role_is_written_out(template: dict[str, Any]) -> None:
    for kind in ("AWS::Serverless::Function", "AWS::Serverless::StateMachine"):
        for name, properties in of_type(template, kind).items():
            assert "Role" not in properties, name
            policies = properties["Policies"]
            assert policies, name
            assert all("Statement" in policy for policy in policies), f"{name} uses a named policy"


def test_bedrock_may_be_asked_for_the_models_of_the_catalog_and_no_other(template: dict[str, Any]) -> None:
    wanted = set()
    for model in load_catalog():
        if model.provider == "bedrock":
            assert model.model_id.startswith("us."), "another geography's profile needs other Regions"
            here = "arn:${AWS::Partition}:bedrock:${AWS::Region}:${AWS::AccountId}:inference-profile/" + model.model_id
            behind = "arn:${AWS::Partition}:bedrock:us-*::foundation-model/" + model.model_id.removeprefix("us.")
            wanted |= {here, behind}
    allowed = {
        literal(resource)
        for _, statement in statements(template)
        if any(str(action).startswith("bedrock:") for action in listed(statement["Action"]))
        for resource in listed(statement["Resource"])
    }
    assert allowed == wanted


@pytest.mark.parametrize(("parameter", "kind"), [("TextModels", "enhance"), ("ImageModels", "image")])
def test_the_default_models_can_be_called_today(template: dict[str, Any], parameter: str, kind: str) -> None:
    aliases = template["Parameters"][parameter]["Default"].split(",")
    today = date.fromisoformat(timestamp(now_ms())[:10])
    usable = {model.alias for model in candidates(kind, None, aliases, today)}
    assert set(aliases) <= usable
    assert all(model.price for model in load_catalog() if model.alias in aliases)


def test_every_queue_is_encrypted_keeps_its_messages_and_leads_to_a_dead_letter_queue(template: dict[str, Any]) -> None:
    queues = of_type(template, "AWS::SQS::Queue")
    for name, queue in queues.items():
        assert queue["SqsManagedSseEnabled"] is True, name
        assert "MessageRetentionPeriod" in queue, name
    assert {name for name, queue in queues.items() if "RedrivePolicy" not in queue} == LAST_QUEUES


def test_a_dead_letter_outlives_the_queue_it_comes_from(template: dict[str, Any]) -> None:
    """Its age counts from the first queue."""
    queues = of_type(template, "AWS::SQS::Queue")
    for name, queue in queues.items():
        if "RedrivePolicy" in queue:
            (target, _) = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"]
            assert queues[target]["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"], name


def test_every_log_has_an_end(template: dict[str, Any], rendered: dict[str, Any]) -> None:
    groups = of_type(template, "AWS::Logs::LogGroup")
    assert [name for name, group in groups.items() if "RetentionInDays" not in group] == []
    for name, function in of_type(rendered, "AWS::Lambda::Function").items():
        assert function["LoggingConfig"]["LogGroup"]["Ref"] in groups, name


def test_a_trace_leads_from_the_api_through_every_function_and_workflow(rendered: dict[str, Any]) -> None:
    traced: dict[str, dict[str, Any]] = {
        "AWS::ApiGateway::Stage": {"TracingEnabled": True},
        "AWS::Lambda::Function": {"TracingConfig": {"Mode": "Active"}},
        "AWS::StepFunctions::StateMachine": {"TracingConfiguration": {"Enabled": True}},
    }
    for kind, wanted in traced.items():
        for name, properties in of_type(rendered, kind).items():
            assert wanted.items() <= properties.items(), name


def test_no_bucket_is_public(template: dict[str, Any]) -> None:
    for name, bucket in of_type(template, "AWS::S3::Bucket").items():
        blocks = bucket["PublicAccessBlockConfiguration"]
        assert list(blocks.values()) == [True] * 4, name
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}], name
        assert bucket["LifecycleConfiguration"]["Rules"], name


def test_every_table_forgets_and_backups_are_kept_by_stage(template: dict[str, Any]) -> None:
    tables = of_type(template, "AWS::DynamoDB::Table")
    for name, table in tables.items():
        assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}, name
        assert table["DeletionProtectionEnabled"] == {"Fn::If": ["IsProd", True, False]}, name
        recovery = table.get("PointInTimeRecoverySpecification")
        by_stage = {"PointInTimeRecoveryEnabled": {"Fn::If": ["KeepsBackups", True, False]}}
        assert recovery == (None if name in WITHOUT_BACKUPS else by_stage), name
    assert {literal(condition["Ref"]) for condition in template["Conditions"]["IsProd"]["Fn::Equals"][:1]} == {"Stage"}


def test_what_is_stateful_says_what_becomes_of_it(template: dict[str, Any]) -> None:
    for name, resource in template["Resources"].items():
        if resource["Type"] in STATEFUL:
            assert resource.keys() >= {"DeletionPolicy", "UpdateReplacePolicy"}, name


def test_what_can_carry_tags_carries_them(template: dict[str, Any]) -> None:
    taggable = {
        "AWS::Serverless::Api", "AWS::Serverless::StateMachine", "AWS::DynamoDB::Table", "AWS::S3::Bucket",
        "AWS::SQS::Queue", "AWS::Events::EventBus", "AWS::SecretsManager::Secret", "AWS::SSM::Parameter",
    }  # fmt: skip
    for name, resource in template["Resources"].items():
        if resource["Type"] in taggable:
            tags = resource["Properties"]["Tags"]
            keys = {tag["Key"] for tag in tags} if isinstance(tags, list) else tags.keys()
            assert keys == {"application", "stage"}, name


def test_every_parameter_is_described_used_and_in_the_operations_page(template: dict[str, Any]) -> None:
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    text = str({section: template[section] for section in ("Rules", "Conditions", "Globals", "Resources", "Outputs")})
    for name, parameter in template["Parameters"].items():
        assert parameter.get("Description"), name
        assert "Default" in parameter, name
        assert f"'Ref': '{name}'" in text or f"${{{name}}}" in text, f"{name} is not used"
        assert f"`{name}`" in operations, f"docs/operations.md does not name {name}"


def test_only_the_local_stage_may_send_webhooks_to_the_machine_it_runs_on(template: dict[str, Any]) -> None:
    assert template["Parameters"]["WebhookLoopbackCa"]["Default"] == ""
    rule = template["Rules"]["WebhooksLeaveTheMachine"]
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "Stage"}, "local"]}]}
    assert [a["Assert"] for a in rule["Assertions"]] == [{"Fn::Equals": [{"Ref": "WebhookLoopbackCa"}, ""]}]


def test_every_output_and_alarm_is_in_the_operations_page(template: dict[str, Any]) -> None:
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    names = {*template["Outputs"], *of_type(template, "AWS::CloudWatch::Alarm")}
    assert {name for name in names if name not in operations} == set()


def test_nothing_stands_in_the_template_twice() -> None:
    """YAML takes the last of two keys, silently."""
    nodes = [yaml.compose(TEMPLATE.read_text(encoding="utf-8"))]
    for node in nodes:
        if isinstance(node, yaml.MappingNode):
            names = [key.value for key, _ in node.value]
            assert {name for name in names if names.count(name) > 1} == set()
            nodes += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value


def test_every_stage_of_samconfig_sets_parameters_that_exist(template: dict[str, Any]) -> None:
    stages = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    assert stages.keys() - {"version", "default"} == set(template["Parameters"]["Stage"]["AllowedValues"])
    for stage in template["Parameters"]["Stage"]["AllowedValues"]:
        parameters = stages[stage]["deploy"]["parameters"]
        overrides = dict(pair.split("=") for pair in parameters["parameter_overrides"].split())
        assert overrides["Stage"] == stage
        assert overrides.keys() <= template["Parameters"].keys()
    assert stages["local"]["deploy"]["parameters"]["stack_name"] == STACK_NAME


def test_a_function_that_is_called_without_waiting_keeps_what_it_could_not_do(template: dict[str, Any]) -> None:
    """Which is why checkov need not ask each of the others for a dead-letter queue."""
    for name, function in of_type(template, "AWS::Serverless::Function").items():
        # What cannot be done with a message goes back to its queue.
        if any(event["Type"] not in {"Api", "Cognito", "SQS"} for event in function.get("Events", {}).values()):
            assert "DeadLetterQueue" in function or "EventInvokeConfig" in function, name
