"""Least privilege as far as the template alone tells. That every grant is needed, the local stack tells: tests/e2e."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.support.grants import Document, grants, listed, literal, of_type, role_documents, service_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a role may have besides its own statements; SAM adds them all, the last one to a function that reads a queue.
MANAGED = {
    "service-role/AWSLambdaBasicExecutionRole",
    "AWSXrayWriteOnlyAccess",
    "service-role/AWSLambdaSQSQueueExecutionRole",
}
SERVICES = {f"{name}.amazonaws.com" for name in ("lambda", "scheduler", "states", "events")}
# Statements on every resource, each with what makes it right.
EVERYTHING = {
    ("GenerationWorkflowRole", "LogAndTrace"): "log delivery and X-Ray know no resource-level permissions",
    ("DeletionWorkflowRole", "LogAndTrace"): "as the other workflow's",
    ("InteractionsWorkflowRole", "LogAndTrace"): "as the other workflow's",
}
# Resources with a wildcard in them, each with what it stands for.
WILDCARDS = {
    "${ArtifactsBucket.Arn}/artifacts/*": "one object per job and picture",
    "${ArtifactsBucket.Arn}/artifacts/usr_*": "what users leave behind, which no anonymous caller does",
    "${ArtifactsBucket.Arn}/*": "every object: a Deny of what is not TLS",
    "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:execution:${GenerationWorkflow.Name}:*": (
        "executions are named after jobs"
    ),
    "arn:${AWS::Partition}:bedrock:us-*::foundation-model/<model>": "an inference profile routes to any US Region",
}
DENIED = {("ArtifactsBucketPolicy", "s3:*")}


def statements() -> Iterator[tuple[str, Document]]:
    """(role or resource, statement) of every policy there is, of roles and of resources."""
    documents = list(role_documents())
    for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"):
        documents += [(name, properties["PolicyDocument"]) for name, properties in of_type(kind).items()]
    for name, properties in of_type("AWS::Logs::ResourcePolicy").items():
        documents.append((name, json.loads(literal(properties["PolicyDocument"]))))
    for name, document in documents:
        yield from ((name, statement) for statement in listed(document["Statement"]))


def test_every_role_is_for_one_service() -> None:
    assert {service_of(role) for role in of_type("AWS::IAM::Role")} == SERVICES


def test_no_role_has_a_managed_policy_but_those_of_sam() -> None:
    attached = {
        re.sub(r".*:iam::aws:policy/", "", literal(arn))
        for role in of_type("AWS::IAM::Role").values()
        for arn in role.get("ManagedPolicyArns", [])
    }
    assert attached == MANAGED


def test_every_action_is_named() -> None:
    wide = {
        (name, action, statement["Effect"])
        for name, statement in statements()
        for action in listed(statement["Action"])
        if "*" in action
    }
    assert wide == {(name, action, "Deny") for name, action in DENIED}


def test_everyone_is_only_denied() -> None:
    assert {statement["Effect"] for _, statement in statements() if statement.get("Principal") == "*"} == {"Deny"}


def test_a_resource_has_a_wildcard_only_where_names_are_not_known_before() -> None:
    found = {
        (name, statement["Sid"], re.sub("(?<=foundation-model/).+", "<model>", literal(resource)))
        for name, statement in statements()
        for resource in listed(statement["Resource"])
        if "*" in literal(resource)
    }
    assert {(name, sid) for name, sid, resource in found if resource == "*"} == EVERYTHING.keys()
    assert {resource for _, _, resource in found if resource != "*"} == WILDCARDS.keys()


def test_a_schedule_may_call_its_function_and_nothing_else() -> None:
    """The local stack does not ask the role of a schedule."""
    for schedule in of_type("AWS::Scheduler::Schedule").values():
        role, _ = schedule["Target"]["RoleArn"]["Fn::GetAtt"]
        allowed = {(grant.action, grant.resource) for grant in grants() if grant.role == role}
        assert allowed == {("lambda:InvokeFunction", literal(schedule["Target"]["Arn"]))}


def test_a_rule_that_has_a_role_may_start_its_workflow_and_nothing_else() -> None:
    """The local stack does not ask the role of a rule."""
    targets = [target for rule in of_type("AWS::Events::Rule").values() for target in rule["Targets"]]
    roles = {target["RoleArn"]["Fn::GetAtt"][0]: literal(target["Arn"]) for target in targets if "RoleArn" in target}
    assert roles.keys() == {role for role in of_type("AWS::IAM::Role") if service_of(role) == "events.amazonaws.com"}
    for role, workflow in roles.items():
        allowed = {(grant.action, grant.resource) for grant in grants() if grant.role == role}
        assert allowed == {("states:StartExecution", workflow)}
