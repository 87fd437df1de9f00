"""A user leaves: all of theirs goes, nothing of anybody else's, it is told once, and they are not let in again."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.stack import STACK_NAME
from promptmill.clock import now_ms, random_hex, timestamp
from promptmill.events.user_events import deletion_name
from promptmill.events.webhooks.deliveries.store import DeliveryStore
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.events.webhooks.model import DisabledReason, WebhookStatus
from promptmill.identity.access import Scope
from promptmill.jobs.execution.address import execution_arn
from promptmill.jobs.settling.store import SettlingStore
from promptmill.jobs.store import JobStore
from tests.support.api import TERMINAL, Api, eventually, new_address, token_of
from tests.support.credentials import plant_key
from tests.support.deliveries import a_delivery
from tests.support.inbox import parked_inbox, subscriber_inbox
from tests.support.jobs import a_job
from tests.support.published import check_bus_event
from tests.support.stand_ins import StandIns
from tests.support.webhooks import added

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack

LONG_AGO_MS = 10 * 60 * 1000
PICTURE = {"kind": "image", "prompt": "a lighthouse in the fog", "width": 256, "height": 256}
TEXT = {"kind": "enhance", "prompt": "Explain how a lighthouse was lit before electricity."}


@dataclass
class Tenant:
    """A user with some jobs, an API key and a webhook that is disabled, and the view of all that is stored of them."""

    stack: Stack
    subject: str
    api: Api

    def __post_init__(self) -> None:
        self.text = self.api.run(**TEXT)["id"]
        self.picture = self.api.run(**PICTURE)["id"]
        self.jobs = [self.text, self.picture]
        self.id = self.api.read(self.text)["owner"]
        self.key = plant_key(self.stack, self.id, Scope)
        dynamodb, tomorrow_ms = self.stack.client("dynamodb"), now_ms() + 86_400_000
        endpoints = EndpointStore(self.stack.webhooks_table, dynamodb)
        self.webhook = added(
            endpoints,
            owner=self.id,
            status=WebhookStatus.DISABLED,
            disabled_reason=DisabledReason.ASKED,
            disabled_at=timestamp(now_ms() - LONG_AGO_MS),
        )
        deliveries = DeliveryStore(self.stack.webhooks_table, dynamodb)
        deliveries.add(a_delivery(self.webhook.id, at_ms=tomorrow_ms), at_ms=tomorrow_ms)
        eventually(lambda: len(self.figures()) == len(self.jobs) or None)

    def age(self, *job_ids: str) -> None:
        """As if these jobs had ended ten minutes ago: when they have, and their events are out."""
        dynamodb = self.stack.client("dynamodb")
        store = SettlingStore(self.stack.jobs_table, dynamodb)

        def closed(job_id: str) -> bool | None:
            job = store.load(job_id)
            return (job is not None and job.status in TERMINAL and job.due_at is None) or None

        for job_id in job_ids:
            eventually(lambda job_id=job_id: closed(job_id))  # type: ignore[misc]
            dynamodb.update_item(
                TableName=self.stack.jobs_table,
                Key={"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "JOB"}},
                UpdateExpression="SET finished_at = :at",
                ExpressionAttributeValues={":at": {"S": timestamp(now_ms() - LONG_AGO_MS)}},
            )

    def stored(self) -> list[str]:
        """The keys of all that is stored of the user and of their jobs, but the tombstone and what ages out soon."""
        dynamodb, s3 = self.stack.client("dynamodb"), self.stack.client("s3")
        mine = (self.id, self.key.id, self.webhook.id, *self.jobs)
        found = [
            f"{item['pk']['S']} {item.get('sk', {}).get('S', '')}"
            for table in (
                self.stack.jobs_table,
                self.stack.control_table,
                self.stack.library_table,
                self.stack.webhooks_table,
            )
            for page in dynamodb.get_paginator("scan").paginate(TableName=table)
            for item in page["Items"]
            if any(one in json.dumps(item, default=str) for one in mine)
            and "deleted_at" not in item
            and not ("expires_at" in item and table == self.stack.control_table)
        ]
        listed = s3.list_objects_v2(Bucket=self.stack.artifacts_bucket, Prefix=f"artifacts/{self.id}/")
        return sorted([*found, *(entry["Key"] for entry in listed.get("Contents", []))])

    def figures(self) -> set[str]:
        """The sort keys of the user's rows in the analytics."""
        found = self.stack.client("dynamodb").query(
            TableName=self.stack.analytics_table,
            KeyConditionExpression="pk = :owner",
            ExpressionAttributeValues={":owner": {"S": f"OWNER#{self.id}"}},
        )
        return {item["sk"]["S"] for item in found["Items"]}

    def leave(self) -> httpx.Response:
        self.deletion = deletion_name(self.id, at_ms=now_ms())
        return self.api.http.delete("/v1/me")

    def execution(self) -> dict[str, Any]:
        """The deletion, once it has ended."""
        arn = execution_arn(self.stack.deletion_workflow_arn, self.deletion)
        stepfunctions = self.stack.client("stepfunctions")

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = stepfunctions.describe_execution(executionArn=arn)
            return None if found["status"] == "RUNNING" else found

        return eventually(ended, seconds=90)

    def has_entered(self, state: str) -> bool:
        """Whether the deletion has come to this state."""
        arn = execution_arn(self.stack.deletion_workflow_arn, self.deletion)
        events = self.stack.client("stepfunctions").get_execution_history(executionArn=arn)["events"]
        return state in {event.get("stateEnteredEventDetails", {}).get("name") for event in events}

    def told(self) -> list[dict[str, Any]]:
        """The events about the user."""
        return subscriber_inbox(self.stack).of(self.id)


@pytest.fixture
def tenants(stack: Stack) -> Iterator[list[Tenant]]:
    """Two users, each with a text and a picture."""
    made = []
    for _ in range(2):
        subject = f"user_{random_hex(8)}"
        made.append(Tenant(stack, subject, Api(stack, new_address(), token=token_of(stack, subject))))
    yield made
    for tenant in made:
        tenant.api.http.close()


def is_refused(tenant: Tenant) -> bool:
    """Whether the user is let in with a new token; one that was used before is remembered for a while."""
    token = token_of(tenant.stack, tenant.subject)
    with Api(tenant.stack, new_address(), token=token) as returning:
        answers = {
            returning.http.get("/v1/jobs").status_code,
            returning.http.post("/v1/jobs", json={}).status_code,
            returning.http.get(f"/v1/jobs/{tenant.text}").status_code,
        }
    return answers == {401}


def test_a_user_who_leaves_leaves_nothing_and_nobody_else_notices(
    stack: Stack, tenants: list[Tenant], stand_ins: StandIns
) -> None:
    leaving, staying = tenants
    kept, figures = staying.stored(), staying.figures()
    running = f"Write a lullaby about the number {random_hex(6)}."
    stand_ins.script("chat", [{"delay_ms": 4000}], match=running)
    at_work = leaving.api.submit(kind="enhance", prompt=running)["id"]
    eventually(lambda: leaving.api.read(at_work)["started_at"])
    leaving.age(*leaving.jobs)
    leaving.jobs.append(at_work)

    first, again = leaving.leave(), leaving.leave()
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json() == {"object": "deletion", "status": "running", "user": leaving.id}
    eventually(lambda: is_refused(leaving) or None)
    leaving.age(at_work)
    (canceled,) = [one for one in subscriber_inbox(stack).of(at_work) if one["detail-type"] != "job.accepted"]
    assert canceled["detail-type"] == "job.canceled"
    eventually(lambda: leaving.has_entered("WaitOutAuthorizations") or None)
    came_in_meanwhile = replace(a_job(), owner=leaving.id)
    JobStore(stack.jobs_table, stack.client("dynamodb")).add(came_in_meanwhile)
    leaving.jobs.append(came_in_meanwhile.id)
    leaving.age(came_in_meanwhile.id)
    assert leaving.execution()["status"] == "SUCCEEDED"

    assert leaving.stored() == []
    assert staying.stored() == kept
    assert staying.figures() == figures
    # What was canceled on the way may be counted after the last look.
    assert leaving.figures().isdisjoint(figures)
    assert staying.api.read(staying.picture)["result"]["images"]
    (event,) = leaving.told()
    check_bus_event(event)
    assert (event["detail-type"], event["detail"]["metadata"]["owner"]) == ("user.deleted", leaving.id)
    assert parked_inbox(stack).of(leaving.id) == []

    assert is_refused(leaving)
    assert not is_refused(staying)
    assert staying.api.read(staying.text)["status"] == "succeeded"


def test_a_deletion_that_stopped_goes_on_from_where_it_was(stack: Stack, tenants: list[Tenant]) -> None:
    leaving, _ = tenants
    leaving.age(*leaving.jobs)
    s3 = stack.client("s3")
    denied = {
        "Sid": "NotNow",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteObject",
        "Resource": f"arn:aws:s3:::{stack.artifacts_bucket}/artifacts/{leaving.id}/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    s3.put_bucket_policy(Bucket=stack.artifacts_bucket, Policy=policy)
    try:
        assert leaving.leave().status_code == 202
        stopped = leaving.execution()
    finally:
        s3.delete_bucket_policy(Bucket=stack.artifacts_bucket)
    assert (stopped["status"], stopped["error"]) == ("FAILED", "BrokenContractError")
    assert any(one.startswith("artifacts/") for one in leaving.stored())
    assert leaving.told() == []

    stack.client("stepfunctions").start_execution(
        stateMachineArn=stack.deletion_workflow_arn, name=f"{leaving.id}-again", input=stopped["input"]
    )
    (event,) = eventually(lambda: leaving.told() or None, seconds=60)
    check_bus_event(event)
    assert event["detail-type"] == "user.deleted"
    assert leaving.stored() == []


def test_who_has_not_signed_in_cannot_leave(stack: Stack) -> None:
    with Api(stack, new_address(), token=None) as anonymous:
        answer = anonymous.http.delete("/v1/me")
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"


def test_the_first_step_of_a_deletion_disables_the_webhooks_of_who_leaves(stack: Stack) -> None:
    owner = f"usr_{random_hex(16)}"
    endpoints = EndpointStore(stack.webhooks_table, stack.client("dynamodb"))
    webhook = added(endpoints, owner=owner)
    (resource,) = stack.client("cloudformation").describe_stack_resources(
        StackName=STACK_NAME, LogicalResourceId="EraseUserFunction"
    )["StackResources"]
    payload = json.dumps({"user_id": owner, "correlation_id": "req-1"})
    answer = stack.client("lambda").invoke(FunctionName=resource["PhysicalResourceId"], Payload=payload)
    assert json.load(answer["Payload"]) == {"remaining": True}
    assert endpoints.get(webhook.id).status is WebhookStatus.DISABLED
