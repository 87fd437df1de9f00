"""As ``scenarios``, of the functions that users and admins deal with."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from local.stack import ROOT
from promptmill.clock import now_ms, random_hex, timestamp
from promptmill.events.webhooks.deliveries.store import DeliveryStore
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.events.webhooks.erasure import QUIET_MS
from promptmill.identity.access import Role, Scope
from promptmill.identity.api_keys.records import key_of
from promptmill.identity.caller import Caller
from promptmill.identity.users.model import sign_in_of
from promptmill.identity.users.store import key as user_key
from promptmill.jobs.model import JobStatus
from tests.e2e.scenarios import METHOD_ARN, Scenario, World, a_user, signed_in, the_body
from tests.e2e.test_command import stopped_in_its_model_call
from tests.support.api import Api, new_address
from tests.support.credentials import plant_key, plant_user
from tests.support.deliveries import a_delivery
from tests.support.in_process import InProcess
from tests.support.stand_ins import StandIns
from tests.support.webhooks import QUIET, WEBHOOK_URL, added

OPERATOR = Caller(f"usr_{random_hex(16)}", "user", frozenset({Role.USER, Role.OPERATOR}))
ADMIN = Caller(f"usr_{random_hex(16)}", "user", frozenset(Role))


def asked_by(caller: Caller, method: str, path: str, body: Any = None) -> dict[str, Any]:
    event = signed_in(method, path, caller.owner, body)
    event["requestContext"]["authorizer"] = caller.to_context()
    return event


def a_key_is_shown(world: World, authorize: InProcess) -> None:
    owner = f"usr_{random_hex(16)}"
    headers = {"authorization": [f"Bearer {plant_key(world.stack, owner, Scope).secret}"]}
    answer = authorize({"methodArn": METHOD_ARN, "multiValueHeaders": headers})
    assert answer["context"]["owner"] == owner


def somebody_signed_in(world: World, record: InProcess) -> None:
    event = json.loads((ROOT / "events" / "lambda" / "record_sign_in.json").read_text())
    event["request"]["userAttributes"]["sub"] = random_hex(16)
    record(event)
    # The function lets people in although the table does not answer, so what is there is what tells.
    world.stack.client("dynamodb").get_item(
        TableName=world.stack.library_table, Key=user_key(sign_in_of(event).user_id)
    )["Item"]


def a_user_asks_who_they_are(world: World, serve: InProcess) -> None:
    plant_user(world.stack, owner := a_user())
    the_body(serve(signed_in("GET", "/v1/me", owner)), 200)


def a_user_is_renamed(world: World, serve: InProcess) -> None:
    plant_user(world.stack, owner := a_user())
    the_body(serve(signed_in("PATCH", "/v1/me", owner, {"display_name": "Ada"})), 200)


def limits_are_read(world: World, read: InProcess) -> None:
    the_body(read(signed_in("GET", "/v1/me/limits", a_user())), 200)


def an_execution_is_redriven(world: World, redrive: InProcess) -> None:
    stand_ins = StandIns(world.stack)
    with Api(world.stack, new_address()) as api, contextlib.closing(stand_ins):
        job_id = stopped_in_its_model_call(world.stack, api, stand_ins)
    # As far as it goes on the local stack.
    told = the_body(redrive(asked_by(OPERATOR, "POST", f"/v1/jobs/{job_id}/redrive")), 409)
    assert told["detail"].startswith("Redrive is not available here")


def a_deletion_is_started(world: World, delete: InProcess) -> None:
    plant_user(world.stack, owner := f"usr_{random_hex(16)}")
    the_body(delete(signed_in("DELETE", "/v1/me", owner)), 202)


def leave_figures_and_a_webhook(world: World, owner: str) -> None:
    dynamodb = world.stack.client("dynamodb")
    webhook = added(EndpointStore(world.stack.webhooks_table, dynamodb), owner=owner)
    DeliveryStore(world.stack.webhooks_table, dynamodb).add(a_delivery(webhook.id, at_ms=now_ms()), at_ms=now_ms())
    row = {"pk": {"S": f"OWNER#{owner}"}, "sk": {"S": "2026-11-21#enhance#-#failed#-"}}
    dynamodb.put_item(TableName=world.stack.analytics_table, Item=row)


def left_elsewhere(world: World, owner: str) -> list[str]:
    """The sort keys of the user's subscriptions and figures."""
    tables = {world.stack.webhooks_table: f"SUBSCRIPTIONS#{owner}", world.stack.analytics_table: f"OWNER#{owner}"}
    return [
        item["sk"]["S"]
        for table, pk in tables.items()
        for item in world.stack.client("dynamodb").query(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
        )["Items"]
    ]


def a_user_is_erased(world: World, erase: InProcess) -> None:
    owner = f"usr_{random_hex(16)}"
    key = plant_key(world.stack, owner, Scope)
    past = timestamp(now_ms() - 3_600_000)
    closed = world.stored(owner=owner, status=JobStatus.FAILED, finished_at=past, due_at=None)
    world.jobs.put_request(closed, {}, models=[])
    running = world.stored(owner=owner, status=JobStatus.RUNNING, started_at=timestamp(now_ms()))
    pictures = world.stack.client("s3")
    name = f"artifacts/{owner}/{closed.id}/picture.png"
    pictures.put_object(Bucket=world.stack.artifacts_bucket, Key=name, Body=b"picture")
    leave_figures_and_a_webhook(world, owner)
    for later_ms in (0, QUIET_MS + 1_000):
        asked = {"user_id": owner, "correlation_id": "req-1"}
        assert erase(asked, at_ms=now_ms() + later_ms) == {"remaining": True}
    assert left_elsewhere(world, owner) == []
    kept = world.stack.client("dynamodb").get_item(TableName=world.stack.library_table, Key=key_of(key.id))
    assert "Item" not in kept
    # One that is not canceled, settled, announced and closed is not erased.
    assert not world.is_there(running)
    assert not world.is_there(closed)
    found = pictures.list_objects_v2(Bucket=world.stack.artifacts_bucket, Prefix=f"artifacts/{owner}/")
    assert found["KeyCount"] == 0


def a_key_is_made_listed_rotated_and_revoked(world: World, administer: InProcess) -> None:
    plant_user(world.stack, ADMIN.owner)
    made = the_body(administer(asked_by(ADMIN, "POST", "/v1/keys", {"name": "billing", "scopes": ["jobs:read"]})), 201)
    path = f"/v1/keys/{made['id']}"
    the_body(administer(asked_by(ADMIN, "GET", "/v1/keys")), 200)
    the_body(administer(asked_by(ADMIN, "GET", path)), 200)
    the_body(administer(asked_by(ADMIN, "POST", f"{path}/rotate", {"overlap_seconds": 0})), 200)
    assert administer(asked_by(ADMIN, "DELETE", path))["statusCode"] == 204


def limits_are_set(world: World, administer: InProcess) -> None:
    plant_user(world.stack, owner := f"usr_{random_hex(16)}")
    the_body(administer(asked_by(ADMIN, "PUT", f"/v1/limits/{owner}", {"burst": 5})), 200)


def a_webhook_is_made_listed_tested_and_deleted(world: World, administer: InProcess) -> None:
    plant_user(world.stack, owner := f"usr_{random_hex(16)}")
    asked = {"url": WEBHOOK_URL, "events": sorted(QUIET), "owner": owner}
    made = the_body(administer(asked_by(ADMIN, "POST", "/v1/webhooks", asked)), 201)
    path = f"/v1/webhooks/{made['id']}"
    listed = the_body(administer(asked_by(ADMIN, "GET", "/v1/webhooks")), 200)
    assert listed["data"]
    the_body(administer(asked_by(ADMIN, "PATCH", path, {"url": "https://localhost:1/"})), 200)
    the_body(administer(asked_by(ADMIN, "POST", f"{path}/test")), 202)
    assert administer(asked_by(ADMIN, "DELETE", path))["statusCode"] == 204


USER_SCENARIOS = {
    "authorize_caller": [Scenario(a_key_is_shown)],
    "record_sign_in": [Scenario(somebody_signed_in)],
    "serve_me": [Scenario(a_user_asks_who_they_are), Scenario(a_user_is_renamed)],
    "read_limits": [Scenario(limits_are_read)],
    "redrive_job": [Scenario(an_execution_is_redriven)],
    "delete_user": [Scenario(a_deletion_is_started)],
    "erase_user": [Scenario(a_user_is_erased)],
    "administer_access": [Scenario(limits_are_set), Scenario(a_key_is_made_listed_rotated_and_revoked)],
    "administer_webhooks": [Scenario(a_webhook_is_made_listed_tested_and_deleted)],
}
