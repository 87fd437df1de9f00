"""A job's whole way over AWS in this process, where the process may be killed at any call.

Each call to AWS or to the provider is counted, from the API's first to the workflow's last; a ``Cut`` kills whoever
makes one of them, before it is sent or after it was answered. Step Functions' part is walked as the definition says.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.config import Config

from promptmill.artifacts.store import ArtifactStore
from promptmill.errors import PromptmillError, RequestInFlight
from promptmill.events.publish import EventBus
from promptmill.idempotency.record import LEASE_MS
from promptmill.idempotency.store import IdempotencyStore
from promptmill.jobs.assemble import assemble_prompt
from promptmill.jobs.attempt import run_attempt
from promptmill.jobs.gateway import GenerationWorkflow
from promptmill.jobs.intake import Intake
from promptmill.jobs.model import Job
from promptmill.jobs.reserving import claim_of
from promptmill.jobs.settling.settlement import Settlement
from promptmill.jobs.settling.store import SettlingStore
from promptmill.jobs.store import JobStore, StoredWork
from promptmill.limits.spending.store import SpendingStore
from promptmill.limits.store import RateStore
from promptmill.prompting.model import ProviderRequest
from promptmill.providers.catalog import Model
from promptmill.providers.interface import Answer
from tests.integration.tables import REGION
from tests.support.builders import FakeClock, a_caller, an_enhance_request, an_image_request, an_origin, some_limits
from tests.support.walk import CONDITION_FAILED, TRANSACTION_CANCELED, TaskFailed, Walk
from tests.unit.jobs.attempts import CONFIGURED, a_text_answer, an_image_answer
from tests.unit.jobs.settling import always

BUCKET = "artifacts-of-the-crashes"
BUS = "crashes"
KEY = "the key of the client"
_owners = itertools.count(1)


class Crash(BaseException):
    """The process is gone: nothing of ours catches it."""


@dataclass(frozen=True)
class Cut:
    """``call`` counts from 0."""

    call: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} call {self.call}"


class Account:
    """Clients of one AWS account whose calls are counted and may be cut, and the clients of who looks from outside."""

    def __init__(self, jobs_table: str, control_table: str) -> None:
        self.jobs_table, self.control_table = jobs_table, control_table
        self.made: list[str] = []
        self.sent: list[dict[str, Any]] = []
        self.cut: Cut | None = None
        services = ("dynamodb", "events", "s3", "stepfunctions")
        watched = botocore.session.Session()
        watched.register("before-call", self._before)
        watched.register("after-call", self._after)
        self.clients = {service: _client(watched, service) for service in services}
        unwatched = botocore.session.Session()
        self.outside = {service: _client(unwatched, service) for service in services}
        self.outside["s3"].create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.outside["events"].create_event_bus(Name=BUS)
        self.machine_arn = self.make_machine()

    def make_machine(self) -> str:
        arn: str = self.outside["stepfunctions"].create_state_machine(
            name="generation", definition="{}", roleArn="arn:aws:iam::123456789012:role/generation"
        )["stateMachineArn"]
        return arn

    def during(self, name: str) -> Iterator[None]:
        """Surrounds a call that is not AWS's."""
        self._begin(name)
        yield
        self._end()

    def _before(self, **event: Any) -> None:
        model, params = event["model"], event["params"]
        self._begin(f"{model.service_model.service_name}.{model.name}")
        if model.name == "PutEvents":
            self.sent += json.loads(params["body"])["Entries"]

    def _after(self, **_: Any) -> None:
        self._end()

    def _begin(self, name: str) -> None:
        self.made.append(name)
        if self._is_cut(after=False):
            raise Crash

    def _end(self) -> None:
        if self._is_cut(after=True):
            raise Crash

    def _is_cut(self, *, after: bool) -> bool:
        return self.cut == Cut(len(self.made) - 1, after)


def _client(session: botocore.session.Session, service: str) -> Any:
    return session.create_client(
        service,
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 1}),
    )


class CountedProvider:
    """Answers at once, every time the same."""

    def __init__(self, account: Account, kind: str) -> None:
        self._account = account
        self._kind = kind
        self.paid_calls = 0

    def generate(
        self,
        model: Model,
        request: ProviderRequest,
        *,
        on_text: Callable[[str], None] | None = None,
        within_seconds: float | None = None,
    ) -> Answer:
        call = self._account.during(f"provider.{self._kind}")
        next(call)
        self.paid_calls += 1
        next(call, None)
        return an_image_answer(7) if self._kind == "image" else a_text_answer()


class Journey:
    """One owner's one request, and all that is made of it."""

    def __init__(self, account: Account, kind: str) -> None:
        self.account, self.kind = account, kind
        self.owner = f"ip_{next(_owners):032x}"
        self.clock = FakeClock()
        self.provider = CountedProvider(account, kind)
        clients = account.clients
        self.jobs = JobStore(account.jobs_table, clients["dynamodb"])
        self.artifacts = ArtifactStore(BUCKET, clients["s3"])
        self.workflow = GenerationWorkflow(account.machine_arn, clients["stepfunctions"])
        self.spending = SpendingStore(account.control_table, clients["dynamodb"])
        self.settlement = Settlement(
            SettlingStore(account.jobs_table, clients["dynamodb"]),
            self.workflow,
            EventBus(BUS, clients["events"]),
            self.spending,
        )
        self.walk: Walk | None = None
        account.made, account.sent, account.cut = [], [], None

    def submit(self) -> Job:
        dynamodb = self.account.clients["dynamodb"]
        intake = Intake(
            self.jobs,
            RateStore(self.account.control_table, dynamodb),
            self.workflow,
            IdempotencyStore(self.account.control_table, dynamodb),
            {"anonymous": some_limits()},
            CONFIGURED,
            retention_days=90,
        )
        request = an_image_request(seed=7, width=256, height=256) if self.kind == "image" else an_enhance_request()
        return intake.submit(request, a_caller(self.owner), an_origin(KEY), at_ms=self.clock()).job

    def submit_again(self) -> Job:
        """As a client does that got no answer: until it gets one."""
        while True:
            try:
                return self.submit()
            except RequestInFlight:
                self.clock.advance(LEASE_MS)

    def follow_execution(self) -> Walk | None:
        """The execution of the owner's job, if one was started."""
        started = self.executions()
        if self.walk is None and started:
            arn = started[0]["executionArn"]
            state = json.loads(self.account.outside["stepfunctions"].describe_execution(executionArn=arn)["input"])
            tables = {"JobsTableName": self.account.jobs_table, "ControlTableName": self.account.control_table}
            self.walk = Walk(state, arn, self.perform, self.clock, tables)
        return self.walk

    def end_execution(self) -> None:
        """Step Functions knows that it has ended; how, nobody asks."""
        if self.walk is not None:
            self.account.outside["stepfunctions"].stop_execution(executionArn=self.walk.arn)

    def perform(self, resource: str, arguments: dict[str, Any]) -> Any:
        clients = self.account.clients
        match resource.rpartition(":::")[2]:
            case "dynamodb:updateItem":
                # moto returns an attribute as updated only when its value is another than before.
                sent = {**arguments, "ReturnValues": "ALL_NEW"}
                try:
                    return clients["dynamodb"].update_item(**sent)
                except clients["dynamodb"].exceptions.ConditionalCheckFailedException:
                    raise TaskFailed(CONDITION_FAILED) from None
            case "aws-sdk:dynamodb:transactWriteItems":
                try:
                    return clients["dynamodb"].transact_write_items(**arguments)
                except clients["dynamodb"].exceptions.TransactionCanceledException:
                    raise TaskFailed(TRANSACTION_CANCELED) from None
            case "events:putEvents":
                (entry,) = arguments["Entries"]
                sent = {**entry, "EventBusName": BUS, "Detail": json.dumps(entry["Detail"])}
                return clients["events"].put_events(Entries=[sent])
            case "lambda:invoke":
                try:
                    return {"Payload": self._invoke(arguments["FunctionName"], arguments["Payload"])}
                except PromptmillError as error:
                    raise TaskFailed(type(error).__name__) from error
        raise NotImplementedError(resource)

    def _invoke(self, function: str, payload: dict[str, Any]) -> dict[str, Any]:
        job_id = payload["job_id"]
        if function == "${AssemblePromptFunctionArn}":
            return assemble_prompt(
                claim_of(payload),
                jobs=self.jobs,
                spending=self.spending,
                configured=CONFIGURED,
                at_ms=self.clock(),
            )
        return run_attempt(
            job_id,
            payload["model"],
            step="InvokeFlux" if self.kind == "image" else "InvokeBedrock",
            provider=self.provider,
            jobs=self.jobs,
            artifacts=self.artifacts,
            clock=self.clock,
            rest=self.clock.sleep,
        )

    def sweep(self) -> dict[str, int]:
        return dict(self.settlement.sweep(at_ms=self.clock(), has_time=always))

    # What is left, as seen from outside.

    def clear(self) -> None:
        """Deletes what the journey left but its objects: the less there is, the faster moto is."""
        dynamodb, stepfunctions = self.account.outside["dynamodb"], self.account.outside["stepfunctions"]
        for table in (self.account.jobs_table, self.account.control_table):
            for item in dynamodb.scan(TableName=table)["Items"]:
                dynamodb.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk") if name in item})
        stepfunctions.delete_state_machine(stateMachineArn=self.account.machine_arn)
        self.account.make_machine()

    def executions(self) -> list[dict[str, Any]]:
        """Those named after the owner's jobs."""
        names = {job.job.id for job in self.work()}
        found = self.account.outside["stepfunctions"].list_executions(stateMachineArn=self.account.machine_arn)
        return [execution for execution in found["executions"] if execution["name"] in names]

    def work(self) -> list[StoredWork]:
        """The owner's jobs with their ledgers."""
        dynamodb = self.account.outside["dynamodb"]
        items = dynamodb.query(
            TableName=self.account.jobs_table,
            IndexName="gsi1",
            KeyConditionExpression="gsi1pk = :owner",
            ExpressionAttributeValues={":owner": {"S": f"OWNER#{self.owner}"}},
        )["Items"]
        store = JobStore(self.account.jobs_table, dynamodb)
        return [store.load_work(item["pk"]["S"].removeprefix("JOB#")) for item in items]

    def outcomes(self) -> dict[str, set[str]]:
        """The detail types of the terminal events that were sent, by event id."""
        found: dict[str, set[str]] = {}
        for entry in self.account.sent:
            metadata = json.loads(entry["Detail"])["metadata"]
            if metadata["owner"] == self.owner and metadata["sequence"] == 3:
                found.setdefault(metadata["id"], set()).add(entry["DetailType"])
        return found

    def objects(self) -> set[str]:
        listed = self.account.outside["s3"].list_objects_v2(Bucket=BUCKET, Prefix=f"artifacts/{self.owner}/")
        return {one["Key"] for one in listed.get("Contents", [])}
