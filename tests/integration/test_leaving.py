"""How a user's leaving begins, and why nobody comes back: one execution a day, and a record that refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptmill import errors
from promptmill.events.user_events import deletion_name, user_deleted_event
from promptmill.identity.tokens import Identity
from promptmill.identity.users.store import UserStore, key
from promptmill.jobs.erasure.gateway import DeletionWorkflow
from tests.integration.tables import client, make_table
from tests.support.builders import AT_MS, TRACEPARENT

SOMEBODY = Identity(
    issuer="https://issuer.example",
    subject="ada",
    roles=frozenset(),
    expires_at=0,
    email="ada@example.com",
    username="ada",
)


@pytest.fixture(scope="module")
def stepfunctions(aws: None) -> Any:
    return client("stepfunctions")


@pytest.fixture(scope="module")
def arn(stepfunctions: Any) -> str:
    made = stepfunctions.create_state_machine(
        name="deletion", definition="{}", roleArn="arn:aws:iam::123456789012:role/deletion"
    )
    return str(made["stateMachineArn"])


@pytest.fixture(scope="module")
def users(dynamodb: Any) -> UserStore:
    return UserStore(make_table(dynamodb, "LibraryTable"), dynamodb)


def a_deletion(at_ms: int = AT_MS) -> dict[str, Any]:
    return user_deleted_event(SOMEBODY.user_id, at_ms=at_ms, correlation_id="req-1", traceparent=TRACEPARENT)


def test_a_user_who_asks_twice_is_deleted_by_one_execution(stepfunctions: Any, arn: str) -> None:
    workflow = DeletionWorkflow(arn, stepfunctions)
    name = deletion_name(SOMEBODY.user_id, at_ms=AT_MS)
    workflow.start(name, SOMEBODY.user_id, a_deletion())
    workflow.start(name, SOMEBODY.user_id, a_deletion(AT_MS + 1))
    (execution,) = stepfunctions.list_executions(stateMachineArn=arn)["executions"]
    assert execution["name"] == name
    described = stepfunctions.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(described["input"]) == {"user_id": SOMEBODY.user_id, "event": a_deletion()}


def test_a_workflow_that_is_not_there_is_for_a_person_to_mend(stepfunctions: Any, arn: str) -> None:
    with pytest.raises(errors.BrokenContractError):
        DeletionWorkflow(f"{arn}-missing", stepfunctions).start("usr_1", SOMEBODY.user_id, a_deletion())


def test_the_name_by_which_the_user_pool_knows_a_user_is_kept_with_them(dynamodb: Any, users: UserStore) -> None:
    users.admit(SOMEBODY, at_ms=AT_MS)
    item = dynamodb.get_item(TableName="LibraryTable", Key=key(SOMEBODY.user_id))["Item"]
    assert (item["issuer"], item["username"]) == ({"S": SOMEBODY.issuer}, {"S": "ada"})


def test_a_tombstone_refuses_and_stays_as_it_is(dynamodb: Any, users: UserStore) -> None:
    tombstone = {**key(SOMEBODY.user_id), "deleted_at": {"S": "2026-11-21T10:00:00.000Z"}, "expires_at": {"N": "1"}}
    dynamodb.put_item(TableName="LibraryTable", Item=tombstone)
    with pytest.raises(errors.Unauthenticated):
        users.admit(SOMEBODY, at_ms=AT_MS)
    assert dynamodb.get_item(TableName="LibraryTable", Key=key(SOMEBODY.user_id))["Item"] == tombstone
