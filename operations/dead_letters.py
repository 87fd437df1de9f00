"""What a stack could not deliver or handle, by the queues that keep it for 14 days, and where each message belongs.

Such a queue is told by its logical id: ``…DeadLetterQueue``, or ``ParkedEventsQueue``.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import click

from promptmill.events.names import EventName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from operations.deployment import Deployment, Resource

PARKED = "ParkedEventsQueue"
_SUFFIX = "DeadLetterQueue"
_QUEUE = "AWS::SQS::Queue"
_WORKFLOW = "AWS::StepFunctions::StateMachine"
_MINUTE_SECONDS = 60
# arn:partition:service:region:account:resource
_ARN_PARTS = 6


class Undeliverable(Exception):
    """A message that has no place to go; says why."""


class Kind(StrEnum):
    QUEUE = "queue"
    WORKFLOW = "workflow"
    BUS = "bus"


@dataclass(frozen=True, slots=True)
class Destination:
    """``name`` is its logical id; ``address`` a queue's URL, a workflow's ARN."""

    kind: Kind
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class DeadLetterQueue:
    """``belong_to`` is where its messages belong, None where each names the target that did not take it.

    ``messages`` is about how many can be received, ``in_flight`` how many somebody has received and may yet delete.
    """

    name: str
    url: str
    belong_to: Destination | None
    messages: int
    in_flight: int

    @property
    def holds(self) -> str:
        """What its messages are, for people."""
        if self.belong_to is None:
            return "events that the target of a rule did not take"
        return {
            Kind.QUEUE: f"what was received from {self.belong_to.name} too often",
            Kind.WORKFLOW: f"events that {self.belong_to.name} failed on",
            Kind.BUS: "events that the bus did not take",
        }[self.belong_to.kind]


@dataclass(frozen=True, slots=True)
class Letter:
    """A message of such a queue. ``attributes`` are its message attributes, as SQS gives and takes them."""

    id: str
    receipt: str
    body: str
    sent_ms: int
    receives: int
    group: str | None
    attributes: Mapping[str, Any]

    def attribute(self, name: str) -> str | None:
        """The text of a message attribute."""
        value = self.attributes.get(name, {}).get("StringValue")
        return None if value is None else str(value)

    def event(self) -> tuple[str | None, str | None]:
        """The id and the name of the event it has or is about, each None where it says none."""
        with suppress(KeyError, RecursionError, TypeError, ValueError):
            content = json.loads(self.body)
            if "delivery_id" in content:
                return str(content["delivery_id"]), None
            if "DetailType" in content:
                return json.loads(content["Detail"])["metadata"]["id"], content["DetailType"]
            return content["detail"]["metadata"]["id"], content["detail-type"]
        return None, None


def find_queues(deployment: Deployment) -> list[DeadLetterQueue]:
    """All of the stack, by their names. Raises botocore's errors."""
    sqs, resources = deployment.client("sqs"), deployment.resources
    urls = {name: resource.id for name, resource in resources.items() if resource.type == _QUEUE}
    described = {
        name: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"] for name, url in urls.items()
    }
    sources = {
        json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"]: Destination(Kind.QUEUE, name, urls[name])
        for name, attributes in described.items()
        if "RedrivePolicy" in attributes
    }
    return [
        DeadLetterQueue(
            name=name,
            url=urls[name],
            belong_to=sources.get(attributes["QueueArn"]) or _beyond_queues(name, resources),
            messages=int(attributes["ApproximateNumberOfMessages"]),
            in_flight=int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        )
        for name, attributes in sorted(described.items())
        if name.endswith(_SUFFIX) or name == PARKED
    ]


def find_queue(deployment: Deployment, name: str) -> DeadLetterQueue:
    """The one with this name; raises a ``ClickException`` when the stack has no such one."""
    queues = {queue.name: queue for queue in find_queues(deployment)}
    if name not in queues:
        raise click.ClickException(f"The stack has no dead-letter queue {name}, but {', '.join(queues)}.")
    return queues[name]


def ages_seconds(deployment: Deployment, queues: Sequence[DeadLetterQueue], *, at_ms: int) -> dict[str, int]:
    """How old the oldest message of each queue is, by its name, as CloudWatch last said in this quarter of an hour."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    queries = [
        {
            "Id": f"age{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SQS",
                    "MetricName": "ApproximateAgeOfOldestMessage",
                    "Dimensions": [{"Name": "QueueName", "Value": queue.url.rpartition("/")[2]}],
                },
                "Period": _MINUTE_SECONDS,
                "Stat": "Maximum",
            },
        }
        for number, queue in enumerate(queues)
    ]
    answer = deployment.client("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=at - timedelta(minutes=15), EndTime=at, ScanBy="TimestampDescending"
    )
    latest = {result["Id"]: result["Values"][0] for result in answer["MetricDataResults"] if result["Values"]}
    return {
        queue.name: round(latest[f"age{number}"])
        for number, queue in enumerate(queues)
        if queue.messages and f"age{number}" in latest
    }


def destination_of(letter: Letter, queue: DeadLetterQueue, resources: Mapping[str, Resource]) -> Destination:
    """Where a message of the queue belongs. Raises ``Undeliverable``."""
    if queue.belong_to is not None:
        if queue.belong_to.kind is Kind.BUS:
            parked_event(letter)
        return queue.belong_to
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    target = letter.attribute("TARGET_ARN")
    if target is None:
        raise Undeliverable("it does not say which target did not take it")
    arn = target.split(":", _ARN_PARTS - 1)
    if len(arn) < _ARN_PARTS:
        raise Undeliverable(f"the target that did not take it, {target}, is no ARN")
    for name, resource in resources.items():
        # A queue's ARN and its URL both end with its name, which is one of the stack's own.
        if resource.type == _QUEUE and arn[2] == "sqs" and _last(resource.id) == _last(target):
            return Destination(Kind.QUEUE, name, resource.id)
        if resource.type == _WORKFLOW and resource.id == target:
            return Destination(Kind.WORKFLOW, name, resource.id)
    raise Undeliverable(f"nothing but EventBridge sends to {target}: replay it from the archive, or discard it")


def parked_event(letter: Letter) -> tuple[EventName, dict[str, Any]]:
    """The event in a message of ``ParkedEventsQueue``, a PutEvents entry, with an id. Raises ``Undeliverable``."""
    try:
        entry = json.loads(letter.body)
        name, detail = EventName(entry["DetailType"]), json.loads(entry["Detail"])
        # Lone surrogates are JSON, and cannot be sent.
        json.dumps(detail, ensure_ascii=False).encode()
        if not isinstance(detail["metadata"]["id"], str):
            raise Undeliverable("its event has no id")
    except (KeyError, RecursionError, TypeError, ValueError) as error:
        raise Undeliverable("it is no event of ours") from error
    return name, detail


def _beyond_queues(name: str, resources: Mapping[str, Resource]) -> Destination | None:
    """Where messages belong that come from no queue: a workflow and its queue have one name."""
    if name == PARKED:
        return Destination(Kind.BUS, "EventBus", "")
    workflow = f"{name.removesuffix(_SUFFIX)}Workflow"
    if workflow in resources:
        return Destination(Kind.WORKFLOW, workflow, resources[workflow].id)
    return None


def _last(address: str) -> str:
    """The last part of an ARN or a URL."""
    return address.rpartition(":")[2].rpartition("/")[2]
