"""What went wrong, as it lies in the queues of a stack that keep it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.stack import STACK_NAME
from promptmill.clock import new_id, now_ms
from promptmill.events.webhooks.deliveries.store import DeliveryStore
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.events.webhooks.model import Attempt, Delivery, DeliveryStatus, Webhook
from tests.support.builders import AT
from tests.support.deliveries import a_delivery
from tests.support.webhooks import added

if TYPE_CHECKING:
    from local.stack import Stack

REFUSED = Attempt(at=AT, duration_ms=12, status_code=503, error="answered_5xx")
NOBODY = "https://hooks.invalid/promptmill"


class StackQueue:
    """A queue of the deployed stack, by its logical id."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.name = name
        self._sqs = stack.client("sqs")
        (resource,) = stack.client("cloudformation").describe_stack_resources(
            StackName=STACK_NAME, LogicalResourceId=name
        )["StackResources"]
        self._url = resource["PhysicalResourceId"]

    def put(self, body: dict[str, Any] | str, **attributes: str) -> str:
        """Puts a message into the queue with these attributes; its id."""
        text = body if isinstance(body, str) else json.dumps(body)
        given = {key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()}
        return str(self._sqs.send_message(QueueUrl=self._url, MessageBody=text, MessageAttributes=given)["MessageId"])

    def count(self) -> int:
        """How many messages there are, received or not."""
        attributes = self._attributes()
        return sum(int(attributes[f"ApproximateNumberOfMessages{kind}"]) for kind in ("", "NotVisible"))

    def arn(self) -> str:
        return self._attributes()["QueueArn"]

    def purge(self) -> None:
        self._sqs.purge_queue(QueueUrl=self._url)

    def _attributes(self) -> dict[str, str]:
        found: dict[str, str] = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["All"])["Attributes"]
        return found


def parked(event: dict[str, Any]) -> dict[str, str]:
    """The event as workflows park it; it is as EventBridge puts it into a queue."""
    return {
        "EventBusName": "promptmill-dev",
        "Source": event["source"],
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
    }


def given_up(stack: Stack, owner: str) -> tuple[Webhook, Delivery]:
    """A webhook that nobody is at, and a delivery to it that failed for good."""
    dynamodb, at_ms = stack.client("dynamodb"), now_ms()
    webhook = added(EndpointStore(stack.webhooks_table, dynamodb), id=new_id("whk", at_ms), owner=owner, url=NOBODY)
    store = DeliveryStore(stack.webhooks_table, dynamodb)
    delivery = a_delivery(webhook_id=webhook.id, at_ms=at_ms)
    assert store.add(delivery, at_ms=at_ms)
    claimed = store.claim(webhook.id, delivery.id, at_ms=at_ms)
    assert claimed
    assert store.record(claimed, REFUSED, DeliveryStatus.FAILED, at_ms=at_ms)
    return webhook, delivery
