"""A deployed stack, and the parts of it that commands work on, with the operator's own rights."""

from __future__ import annotations

import os
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.account import stack_name
from operations.journal import Journal
from operations.rebuild import Place, Rebuild
from promptmill.analytics.store import RollupStore
from promptmill.artifacts.store import ArtifactStore
from promptmill.clock import now_ms
from promptmill.events.publish import EventBus
from promptmill.events.webhooks.deliveries.gateway import DeliveryQueue
from promptmill.events.webhooks.deliveries.store import DeliveryStore
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.gateway import signing
from promptmill.idempotency.store import IdempotencyStore
from promptmill.identity.api_keys.store import ApiKeyStore
from promptmill.identity.overrides.store import OverrideStore
from promptmill.identity.users.store import UserStore
from promptmill.jobs.execution.gateway import Executions
from promptmill.jobs.execution.reading import ExecutionReader
from promptmill.jobs.execution.store import LedgerStore
from promptmill.jobs.gateway import GenerationWorkflow
from promptmill.jobs.intake import Intake
from promptmill.jobs.listing.store import JobListing
from promptmill.jobs.settling.settlement import Settlement
from promptmill.jobs.settling.store import SettlingStore
from promptmill.jobs.store import JobStore
from promptmill.limits.default import plans_of
from promptmill.limits.spending.store import SpendingStore
from promptmill.limits.store import RateStore
from promptmill.providers.default import models_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptmill.limits.plan import Limits


@dataclass(frozen=True, slots=True)
class Resource:
    """``type`` is CloudFormation's, ``id`` the physical id: of a queue its URL, of most others its name or its ARN."""

    type: str
    id: str


class Deployment:
    """The stack of one stage. Its parts are made when they are first asked for, each as the functions have it.

    ``described`` has the stack's outputs and parameters by their names. ``clock_ahead_ms`` is by how much this
    machine's clock is ahead of AWS's, give or take a second and what the answer took; negative where it is behind.
    """

    def __init__(self, stage: str, described: Mapping[str, str], session: Any, *, clock_ahead_ms: int = 0) -> None:
        self.stage = stage
        self.clock_ahead_ms = clock_ahead_ms
        self._described = described
        self._session = session
        self._clients: dict[str, Any] = {}

    def value_of(self, name: str) -> str:
        """An output or a parameter of the stack; raises a ``ClickException`` where it does not have it."""
        if name not in self._described:
            raise click.ClickException(f"The stack of stage {self.stage} says no {name}: deploy it again.")
        return self._described[name]

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """What there is of the stack, by logical id; a deployment that goes on, or went wrong, leaves some out."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return {
            found["LogicalResourceId"]: Resource(found["ResourceType"], found["PhysicalResourceId"])
            for page in pages.paginate(StackName=stack_name(self.stage))
            for found in page["StackResourceSummaries"]
            if found.get("PhysicalResourceId")
        }

    def client(self, service: str) -> Any:
        """The client of an AWS service."""
        if service not in self._clients:
            config = Config(retries={"mode": "standard"}, **signing(service))
            self._clients[service] = self._session.client(service, config=config)
        return self._clients[service]

    @cached_property
    def operator(self) -> str:
        """The ARN of whoever's credentials these are."""
        return str(self.client("sts").get_caller_identity()["Arn"])

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.value_of("FunctionLogGroupName"), self.operator, self.client("logs"))

    @cached_property
    def jobs(self) -> JobStore:
        return JobStore(self._jobs_table, self.client("dynamodb"))

    @cached_property
    def listing(self) -> JobListing:
        return JobListing(self._jobs_table, self.client("dynamodb"))

    @cached_property
    def settling(self) -> SettlingStore:
        return SettlingStore(self._jobs_table, self.client("dynamodb"))

    @cached_property
    def ledger(self) -> LedgerStore:
        return LedgerStore(self._jobs_table, self.client("dynamodb"))

    @cached_property
    def executions(self) -> Executions:
        return Executions(self._state_machine_arn, self.client("stepfunctions"))

    @cached_property
    def workflow(self) -> GenerationWorkflow:
        return GenerationWorkflow(self._state_machine_arn, self.client("stepfunctions"))

    @cached_property
    def bus(self) -> EventBus:
        return EventBus(self.value_of("EventBusName"), self.client("events"))

    @cached_property
    def spending(self) -> SpendingStore:
        return SpendingStore(self._control_table, self.client("dynamodb"))

    @cached_property
    def rates(self) -> RateStore:
        return RateStore(self._control_table, self.client("dynamodb"))

    @cached_property
    def plans(self) -> Mapping[str, Limits]:
        return plans_of(self.value_of("AnonymousLimits"), self.value_of("UserLimits"), self.value_of("KeyLimits"))

    @cached_property
    def overrides(self) -> OverrideStore:
        return OverrideStore(self._library_table, self.client("dynamodb"))

    @cached_property
    def keys(self) -> ApiKeyStore:
        return ApiKeyStore(self._library_table, self.client("dynamodb"))

    @cached_property
    def webhooks(self) -> EndpointStore:
        return EndpointStore(self.value_of("WebhooksTableName"), self.client("dynamodb"))

    @cached_property
    def deliveries(self) -> DeliveryStore:
        return DeliveryStore(self.value_of("WebhooksTableName"), self.client("dynamodb"))

    @cached_property
    def delivery_queue(self) -> DeliveryQueue:
        if "DeliveriesQueue" not in self.resources:
            raise click.ClickException(f"The stack of stage {self.stage} has no DeliveriesQueue: deploy it again.")
        return DeliveryQueue(self.resources["DeliveriesQueue"].id, self.client("sqs"))

    @cached_property
    def artifacts(self) -> ArtifactStore:
        return ArtifactStore(self.value_of("ArtifactsBucketName"), self.client("s3"))

    @cached_property
    def reader(self) -> ExecutionReader:
        return ExecutionReader(self.executions, self.ledger, has_console=self.stage != "local")

    @cached_property
    def settlement(self) -> Settlement:
        return Settlement(self.settling, self.workflow, self.bus, self.spending)

    @cached_property
    def intake(self) -> Intake:
        records = IdempotencyStore(self._control_table, self.client("dynamodb"))
        models = models_of(self.value_of("TextModels"), self.value_of("ImageModels"))
        retention_days = int(self.value_of("JobRetentionDays"))
        return Intake(self.jobs, self.rates, self.workflow, records, self.plans, models, retention_days)

    @cached_property
    def rebuild(self) -> Rebuild:
        place = Place(
            table=self.value_of("AnalyticsTableName"),
            archive=self.value_of("EventArchiveName"),
            bus_arn=self.value_of("EventBusArn"),
            rule_arn=self.value_of("AnalyticsRuleArn"),
            queue_url=self.value_of("AnalyticsQueueUrl"),
            dead_letters_url=self.value_of("AnalyticsDeadLetterQueueUrl"),
            mapping_id=self.value_of("AnalyticsMappingId"),
        )
        dynamodb = self.client("dynamodb")
        return Rebuild(place, RollupStore(place.table, dynamodb), UserStore(self._library_table, dynamodb), self.client)

    @property
    def _jobs_table(self) -> str:
        return self.value_of("JobsTableName")

    @property
    def _control_table(self) -> str:
        return self.value_of("ControlTableName")

    @property
    def _library_table(self) -> str:
        return self.value_of("LibraryTableName")

    @property
    def _state_machine_arn(self) -> str:
        return self.value_of("StateMachineArn")


def find_deployment(stage: str, *, session: Any = None) -> Deployment:
    """The stack of a stage in the account of the shell's credentials; raises a ``ClickException`` without one."""
    if stage == "local" and not os.environ.get("AWS_ENDPOINT_URL"):
        raise click.ClickException("This shell is not set to the local stack: source .local/env first.")
    # The CLI reads both names, boto3 only the second.
    session = session or boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
    try:
        answer = session.client("cloudformation").describe_stacks(StackName=stack_name(stage))
    # botocore's own for an endpoint that is no URL.
    except (BotoCoreError, ClientError, ValueError) as error:
        raise click.ClickException(f"The stack of stage {stage} cannot be found: {error}") from error
    (stack,) = answer["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}
    if not outputs:
        raise click.ClickException(f"The stack of stage {stage} is {stack['StackStatus']} and has no outputs.")
    parameters = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack.get("Parameters", ())}
    return Deployment(stage, parameters | outputs, session, clock_ahead_ms=_clock_ahead_ms(answer))


def _clock_ahead_ms(answer: Mapping[str, Any]) -> int:
    """By how much this machine's clock is ahead of that of whoever gave this answer just now; 0 if it does not say."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return 0 if date is None else now_ms() - round(parsedate_to_datetime(date).timestamp() * 1000)
