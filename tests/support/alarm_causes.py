"""What goes wrong on the local stack on purpose, and what AWS would count of it."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from promptmill.clock import now_ms
from promptmill.events.webhooks.answer import Answer, SendError
from promptmill.events.webhooks.deliveries.store import DeliveryStore
from promptmill.events.webhooks.schedule import DAY_MS, MINUTE_MS
from tests.support.alarms import Watched, physical_id, watched_on
from tests.support.api import eventually
from tests.support.deliveries import a_delivery
from tests.support.in_process import in_process, logical_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from local.stack import Stack

T = TypeVar("T")
PROVOKED: set[str] = set()


def provokes(*names: str) -> Callable[[T], T]:
    """Says which alarms' causes a test makes happen."""

    def noted(test: T) -> T:
        PROVOKED.update(names)
        return test

    return noted


def one_watched(stack: Stack, alarm: str) -> Watched:
    """The metric of an alarm that has only one."""
    (metric,) = watched_on(stack, alarm).values()
    return metric


def dimension(metric: Watched, name: str) -> str:
    return str(dict(metric.dimensions)[name])


def is_of_the_api(stack: Stack, metric: Watched) -> bool:
    """Whether a metric has the dimensions that API Gateway gives those of the stack's API."""
    api_id, stage = stack.api_url.split("/")[-2:]
    name = stack.client("apigateway").get_rest_api(restApiId=api_id)["name"]
    return metric.dimensions == {("ApiName", name), ("Stage", stage)}


@contextmanager
def function_changed(stack: Stack, folder: str, **changes: Any) -> Iterator[str]:
    """The deployed function with another configuration; ``variables`` are added to its environment. Its name."""
    name = physical_id(stack, logical_id(folder))
    functions = stack.client("lambda")
    before = functions.get_function_configuration(FunctionName=name)
    variables = before["Environment"]["Variables"] | changes.pop("variables", {})
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables}, **changes)
    try:
        yield name
    finally:
        functions.update_function_configuration(
            FunctionName=name, Environment=before["Environment"], Timeout=before["Timeout"]
        )


@contextmanager
def store_that_hangs() -> Iterator[str]:
    """The address of a DynamoDB that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def points(stack: Stack, metric: Watched, **statistics: Any) -> list[dict[str, Any]]:
    """What the stack's CloudWatch has of a metric of the last minutes."""
    now = datetime.now(UTC)
    found = stack.client("cloudwatch").get_metric_statistics(
        Namespace=metric.namespace, MetricName=metric.name,
        Dimensions=[{"Name": name, "Value": value} for name, value in metric.dimensions],
        StartTime=now - timedelta(minutes=5), EndTime=now + timedelta(minutes=1), Period=60, **statistics,
    )  # fmt: skip
    datapoints: list[dict[str, Any]] = found["Datapoints"]
    return datapoints


def executions(stack: Stack, alarm: str, metric: str, status: str) -> set[str]:
    """The names of the executions AWS counts for a metric of an alarm."""
    (machine,) = [dimension(one, "StateMachineArn") for one in watched_on(stack, alarm).values() if one.name == metric]
    pages = stack.client("stepfunctions").get_paginator("list_executions")
    found = pages.paginate(stateMachineArn=machine, statusFilter=status)
    return {execution["name"] for page in found for execution in page["executions"]}


def publish(stack: Stack, source: str, name: str, detail: dict[str, Any]) -> None:
    entry = {"EventBusName": stack.bus_name, "Source": source, "DetailType": name, "Detail": json.dumps(detail)}
    assert stack.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def url_of(stack: Stack, alarm: str) -> str:
    """The queue an alarm watches."""
    name = dimension(one_watched(stack, alarm), "QueueName")
    return str(stack.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])


def depth(stack: Stack, queue_url: str) -> int:
    """What AWS reports as ApproximateNumberOfMessagesVisible."""
    asked = stack.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(asked["Attributes"]["ApproximateNumberOfMessages"])


def taken(stack: Stack, alarm: str, text: str) -> dict[str, Any]:
    """The message with this text from the queue an alarm watches, once it is there. It is gone then."""
    return eventually(lambda: found(stack, alarm, text))


def found(stack: Stack, alarm: str, text: str) -> dict[str, Any] | None:
    """The same, or None when a look at some of the messages does not find it."""
    sqs, queue_url = stack.client("sqs"), url_of(stack, alarm)
    if not depth(stack, queue_url):
        return None
    messages = sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=5, AttributeNames=["SentTimestamp"]
    ).get("Messages", [])
    for message in messages:
        if text in message["Body"]:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            wanted: dict[str, Any] = message
            return wanted
    return None


@contextmanager
def soon_visible(stack: Stack, queue: str) -> Iterator[str]:
    """The URL of a queue whose messages come back a second after somebody failed with them."""
    sqs, queue_url = stack.client("sqs"), physical_id(stack, queue)
    names = ["VisibilityTimeout"]
    before = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"VisibilityTimeout": "1"})
    try:
        yield queue_url
    finally:
        sqs.set_queue_attributes(QueueUrl=queue_url, Attributes=before)


@contextmanager
def nobody_reading(stack: Stack, queue_url: str) -> Iterator[None]:
    """While no function reads the queue."""
    functions = stack.client("lambda")
    names = ["QueueArn"]
    arn = stack.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]["QueueArn"]
    mappings = [one["UUID"] for one in functions.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]]
    for mapping in mappings:
        functions.update_event_source_mapping(UUID=mapping, Enabled=False)
    try:
        yield
    finally:
        for mapping in mappings:
            functions.update_event_source_mapping(UUID=mapping, Enabled=True)


def release_without_time(stack: Stack) -> None:
    """Runs what releases deliveries, as of a day on which one is due and nobody else releases it, with no time left."""
    at_ms = now_ms() + DAY_MS
    deliveries, delivery = DeliveryStore(stack.webhooks_table, stack.client("dynamodb")), a_delivery(at_ms=at_ms)
    deliveries.add(delivery, at_ms=at_ms)
    with in_process(stack, "release_deliveries") as release:
        release.handler({}, NoTimeLeft(), at_ms=at_ms + MINUTE_MS)
    deliveries.forget_page(delivery.webhook_id)


class GoneReceiver:
    """What answers every webhook that there is nothing here any more."""

    def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return Answer(duration_ms=1, status_code=410, error=SendError.ANSWERED_4XX)


class NoTimeLeft:
    """What Lambda tells a function of a call that is about to be over."""

    def get_remaining_time_in_millis(self) -> int:
        return 0
