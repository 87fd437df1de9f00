"""Killed at any call, the erasing of a user goes on when it is tried again: nothing is left of them, all of others."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from botocore.config import Config
from botocore.stub import ANY, Stubber

from promptmill.analytics.rollup import finished_job
from promptmill.analytics.store import RollupStore
from promptmill.artifacts.store import ArtifactStore, artifact_key
from promptmill.errors import BrokenContractError, PromptmillError, StoreUnavailable
from promptmill.events.envelope import outcome_event_id
from promptmill.events.publish import EventBus
from promptmill.events.webhooks.deliveries.store import DeliveryStore
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.events.webhooks.erasure import WebhookEraser
from promptmill.events.webhooks.model import Webhook
from promptmill.gateway import BATCH_SIZE
from promptmill.jobs.erasure.eraser import Eraser
from promptmill.jobs.erasure.judgement import QUIET_MS
from promptmill.jobs.erasure.store import ErasureStore
from promptmill.jobs.gateway import GenerationWorkflow
from promptmill.jobs.model import Job
from promptmill.jobs.records import call_item, job_item, key
from promptmill.jobs.settling.judgement import LOOK_AGAIN_MS
from promptmill.jobs.settling.settlement import Settlement
from promptmill.jobs.settling.store import SettlingStore
from promptmill.limits.spending.store import SpendingStore
from tests.integration.crashes import BUCKET, BUS, Account, Crash, Cut
from tests.integration.tables import client, make_table
from tests.support.builders import AT_MS, a_call, a_job
from tests.support.deliveries import a_delivery
from tests.support.webhooks import added
from tests.unit.analytics.fakes import an_outcome
from tests.unit.jobs.settling import always

WEBHOOKS_TABLE, ANALYTICS_TABLE = "WebhooksTable", "AnalyticsTable"
MANY_CHUNKS = BATCH_SIZE + 1
# Two webhooks with a delivery each, and who is sent what.
WEBHOOK_ITEMS = 2 * 2 + 1
FOREVER = 2**33
_users = itertools.count(1)


@pytest.fixture(scope="module")
def account(dynamodb: Any, jobs_table: str, control_table: str) -> Account:
    for table in (WEBHOOKS_TABLE, ANALYTICS_TABLE):
        make_table(dynamodb, table)
    return Account(jobs_table, control_table)


class Tenant:
    """A user with a job of every sort, and all that lies beside them."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.id = f"usr_{next(_users):032x}"
        self.text = self.has("succeeded", chunks=MANY_CHUNKS)
        self.image = self.has("failed", kind="image")
        self.running = self.has("running", due_at=a_job().due_at)
        self.unannounced = self.has("canceled", due_at=a_job().due_at)
        for name in ("img_1.png", "img_2.png"):
            account.outside["s3"].put_object(Bucket=BUCKET, Key=artifact_key(self.id, self.image.id, name), Body=b"x")
        RollupStore(ANALYTICS_TABLE, account.outside["dynamodb"]).count(
            finished_job(an_outcome(owner=self.id)), at_ms=0, retention_days=20_000
        )
        self.webhooks = [
            added(EndpointStore(WEBHOOKS_TABLE, account.outside["dynamodb"]), owner=self.id) for _ in range(2)
        ]
        for webhook in self.webhooks:
            self.is_sent_something(webhook)

    def has(self, status: str, *, kind: str = "enhance", chunks: int = 1, due_at: str | None = None) -> Job:
        job = a_job(status, kind=kind, owner=self.id, due_at=due_at, expires_at_seconds=FOREVER)
        beside = [{**key(job.id, f"CHUNK#0001#{index:06d}"), "text": {"S": "x"}} for index in range(chunks)]
        items = [job_item(job), call_item(job, a_call()), {**key(job.id, "REQUEST"), "request": {"S": "{}"}}, *beside]
        for item in items:
            self.account.outside["dynamodb"].put_item(TableName=self.account.jobs_table, Item=item)
        if not job.status.is_terminal:
            self.account.outside["stepfunctions"].start_execution(
                stateMachineArn=self.account.machine_arn, name=job.id, input="{}"
            )
        return job

    def is_sent_something(self, webhook: Webhook) -> None:
        store = DeliveryStore(WEBHOOKS_TABLE, self.account.outside["dynamodb"])
        store.add(a_delivery(webhook.id), at_ms=AT_MS)

    def left(self) -> list[str]:
        """The keys of everything that is stored of the user."""
        dynamodb, s3 = self.account.outside["dynamodb"], self.account.outside["s3"]
        ids = {job.id for job in (self.text, self.image, self.running, self.unannounced)}
        jobs = dynamodb.scan(TableName=self.account.jobs_table)["Items"]
        named = (self.id, *(webhook.id for webhook in self.webhooks))
        others = [
            item for table in (WEBHOOKS_TABLE, ANALYTICS_TABLE) for item in dynamodb.scan(TableName=table)["Items"]
        ]
        objects = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"artifacts/{self.id}/").get("Contents", [])
        return sorted(
            [
                *(f"{i['pk']['S']} {i['sk']['S']}" for i in jobs if i["pk"]["S"].removeprefix("JOB#") in ids),
                *(f"{i['pk']['S']} {i['sk']['S']}" for i in others if i["pk"]["S"].partition("#")[2] in named),
                *(entry["Key"] for entry in objects),
            ]
        )

    def outcomes(self) -> dict[str, set[str]]:
        """The detail types that were sent of the user's jobs, by event id."""
        found: dict[str, set[str]] = {}
        for entry in self.account.sent:
            metadata = json.loads(entry["Detail"])["metadata"]
            if metadata["owner"] == self.id:
                found.setdefault(metadata["id"], set()).add(entry["DetailType"])
        return found


class Leaving:
    """The erasing of a user, with a clock that each attempt moves on, and a sweeper beside it."""

    def __init__(self, tenant: Tenant) -> None:
        account, clients = tenant.account, tenant.account.clients
        self.tenant = tenant
        self.forgotten: set[str] = set()
        self.at_ms = AT_MS + QUIET_MS + LOOK_AGAIN_MS
        dynamodb = clients["dynamodb"]
        self.settlement = Settlement(
            SettlingStore(account.jobs_table, dynamodb),
            GenerationWorkflow(account.machine_arn, clients["stepfunctions"]),
            EventBus(BUS, clients["events"]),
            SpendingStore(account.control_table, dynamodb),
        )
        self.eraser = Eraser(
            ErasureStore(account.jobs_table, dynamodb),
            ArtifactStore(BUCKET, clients["s3"]),
            self.settlement,
            self.forgotten.add,
            RollupStore(ANALYTICS_TABLE, dynamodb).forget,
            WebhookEraser(EndpointStore(WEBHOOKS_TABLE, dynamodb), DeliveryStore(WEBHOOKS_TABLE, dynamodb)).erase,
        )
        account.made, account.sent, account.cut = [], [], None

    def call(self) -> bool:
        remaining = self.eraser.erase(self.tenant.id, at_ms=self.at_ms)
        self.at_ms += QUIET_MS
        return remaining

    def to_the_end(self) -> None:
        """As the workflow does, with the sweeper's minutes between the calls."""
        while self.call():
            self.settlement.sweep(at_ms=self.at_ms, has_time=always)


def check(leaving: Leaving, label: str) -> None:
    tenant = leaving.tenant
    assert tenant.left() == [], label
    assert leaving.forgotten == {tenant.id}, label
    canceled = {outcome_event_id(job.id): {"job.canceled"} for job in (tenant.running, tenant.unannounced)}
    assert tenant.outcomes() == canceled, label
    execution = f"{tenant.account.machine_arn.replace(':stateMachine:', ':execution:')}:{tenant.running.id}"
    found = tenant.account.outside["stepfunctions"].describe_execution(executionArn=execution)
    assert found["status"] == "ABORTED", label


def test_nothing_is_left_of_who_leaves_and_everything_of_who_stays(account: Account) -> None:
    staying, leaving = Tenant(account), Leaving(Tenant(account))
    before = staying.left()
    assert len(before) == 4 * 4 + MANY_CHUNKS - 1 + 2 + WEBHOOK_ITEMS + 1
    assert leaving.call() is True
    leaving.to_the_end()
    check(leaving, "nobody is killed")
    assert staying.left() == before
    assert "dynamodb.Scan" not in account.made


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_who_is_killed_at_any_call_of_the_first_page_and_tried_again_erases_everything(
    account: Account, *, after: bool
) -> None:
    rehearsal = Leaving(Tenant(account))
    rehearsal.call()
    calls = list(account.made)
    rehearsal.to_the_end()
    staying = Tenant(account)
    before = staying.left()
    for number, name in enumerate(calls):
        leaving = Leaving(Tenant(account))
        account.cut = Cut(number, after)
        with pytest.raises(Crash):
            leaving.call()
        leaving.to_the_end()
        check(leaving, f"killed {'after' if after else 'before'} {number} {name}")
    assert staying.left() == before
    assert {"dynamodb.BatchWriteItem", "dynamodb.DeleteItem", "s3.DeleteObjects", "events.PutEvents"} <= set(calls)


def test_a_job_in_more_than_one_page_of_its_partition_is_erased_whole(account: Account) -> None:
    tenant = Tenant(account)
    dynamodb = account.outside["dynamodb"]
    for index in range(4):
        item = {**key(tenant.text.id, f"CHUNK#0002#{index:06d}"), "text": {"S": "x" * 390_000}}
        dynamodb.put_item(TableName=account.jobs_table, Item=item)
    store = ErasureStore(account.jobs_table, dynamodb)
    store.erase_job(tenant.text.id, tenant.id)
    assert not [one for one in tenant.left() if tenant.text.id in one]


def test_the_jobs_of_a_user_are_named_oldest_first_and_no_others(account: Account) -> None:
    tenant, _ = Tenant(account), Tenant(account)
    store = ErasureStore(account.jobs_table, account.outside["dynamodb"])
    jobs = sorted(job.id for job in (tenant.text, tenant.image, tenant.running, tenant.unannounced))
    assert store.jobs_of(tenant.id, limit=3) == jobs[:3]
    assert store.jobs_of(tenant.id, limit=9) == jobs


def test_a_batch_that_dynamodb_does_in_parts_is_given_to_it_again(account: Account) -> None:
    dynamodb = client("dynamodb")
    left = {"JobsTable": [{"DeleteRequest": {"Key": key("job_1", "REQUEST")}}]}
    items = {"Items": [{"sk": {"S": "REQUEST"}}, {"sk": {"S": "JOB"}}]}
    with Stubber(dynamodb) as stubber:
        stubber.add_response("query", items, dict.fromkeys(QUERIED, ANY))
        for unprocessed in (left, {}):
            stubber.add_response("batch_write_item", {"UnprocessedItems": unprocessed}, {"RequestItems": left})
        stubber.add_response("delete_item", {}, dict.fromkeys(DELETED, ANY))
        ErasureStore("JobsTable", dynamodb).erase_job("job_1", "usr_1")
        stubber.assert_no_pending_responses()


def test_a_batch_that_is_not_done_leaves_the_job_to_be_found_again() -> None:
    dynamodb: Any = client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(dynamodb) as stubber:
        stubber.add_response("query", {"Items": [{"sk": {"S": "REQUEST"}}]}, dict.fromkeys(QUERIED, ANY))
        stubber.add_client_error("batch_write_item", "ProvisionedThroughputExceededException")
        with pytest.raises(StoreUnavailable):
            ErasureStore("JobsTable", dynamodb).erase_job("job_1", "usr_1")


QUERIED = ("TableName", "KeyConditionExpression", "ExpressionAttributeValues", "ProjectionExpression", "ConsistentRead")
DELETED = ("TableName", "Key", "ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues")


@pytest.mark.parametrize(
    ("code", "error"), [("InternalError", StoreUnavailable), ("AccessDenied", BrokenContractError)]
)
def test_an_artifact_that_s3_does_not_delete_is_not_taken_for_gone(
    account: Account, code: str, error: type[PromptmillError]
) -> None:
    s3 = client("s3")
    with Stubber(s3) as stubber:
        stubber.add_response("list_objects_v2", {"Contents": [{"Key": "artifacts/usr_1/x"}]})
        answer: dict[str, Any] = {"Errors": [{"Key": "artifacts/usr_1/x", "Code": code}]}
        stubber.add_response("delete_objects", answer)
        with pytest.raises(error):
            ArtifactStore(BUCKET, s3).delete_page("artifacts/usr_1/")
