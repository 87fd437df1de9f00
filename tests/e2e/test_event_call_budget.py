"""What an event costs in AWS calls. The handlers run here, against the stack, so that every call can be counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.stack import Stack
from promptmill.clock import new_id, now_ms, timestamp
from promptmill.events.names import EventName
from promptmill.events.webhooks.deliveries.store import DeliveryStore
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.events.webhooks.model import Webhook
from promptmill.identity.access import Role
from promptmill.identity.caller import Caller
from tests.support.api import new_address
from tests.support.builders import DAY_MS
from tests.support.deliveries import a_delivery, an_event, on_the_bus
from tests.support.in_process import api_event, in_process
from tests.support.receiver import Receiver
from tests.support.webhooks import added, an_owner
from tests.unit.analytics.fakes import an_outcome

NAME = EventName.PROMPT_CREATED
LOOK_UP = {"dynamodb.BatchGetItem": 1}
EVENTS = 10


@pytest.fixture
def receiver(stack: Stack) -> Iterator[Receiver]:
    with Receiver(Path(stack.folder)) as found:
        yield found


@pytest.fixture
def webhook(stack: Stack, receiver: Receiver) -> Iterator[Webhook]:
    endpoints = EndpointStore(stack.webhooks_table, stack.client("dynamodb"))
    found = added(endpoints, url=receiver.url, owner=an_owner(), events=frozenset({NAME}))
    yield found
    endpoints.delete(found.id)


def outcomes(owner: str, n: int) -> list[str]:
    """Ends of jobs of yesterday, as they come from the bus; the archive does not have them, as it has today's."""
    found = []
    for _ in range(n):
        at_ms = now_ms() - DAY_MS
        detail = an_outcome(at=timestamp(at_ms), owner=owner)
        detail["metadata"]["id"] = new_id("evt", at_ms)
        found.append(json.dumps({"detail": detail}))
    return found


def batch(bodies: list[str]) -> dict[str, Any]:
    return {"Records": [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]}


def test_an_event_no_webhook_is_for_is_one_look(stack: Stack) -> None:
    with in_process(stack, "fan_out_event") as fan_out:
        fan_out(batch([on_the_bus(an_event(NAME, owner=an_owner()))]))
        assert fan_out.calls.by_operation == LOOK_UP


def test_each_webhook_an_event_is_for_adds_a_write_and_a_message(stack: Stack, webhook: Webhook) -> None:
    event = an_event(NAME, owner=str(webhook.owner))
    with in_process(stack, "fan_out_event") as fan_out:
        assert fan_out(batch([on_the_bus(event)])) == {"batchItemFailures": []}
        assert fan_out.calls.by_operation == {**LOOK_UP, "dynamodb.PutItem": 1, "sqs.SendMessage": 1}


def test_a_delivery_is_one_read_the_claim_and_the_record(stack: Stack, webhook: Webhook, receiver: Receiver) -> None:
    at_ms = now_ms()
    delivery = a_delivery(webhook.id, at_ms=at_ms)
    DeliveryStore(stack.webhooks_table, stack.client("dynamodb")).add(delivery, at_ms=at_ms)
    message = json.dumps({"webhook_id": webhook.id, "delivery_id": delivery.id})
    with in_process(stack, "deliver_webhook") as deliver:
        deliver(batch([message]))
        assert deliver.calls.by_operation == {"dynamodb.GetItem": 1, "dynamodb.UpdateItem": 2}
        made = len(deliver.calls)
        deliver(batch([message]))
        assert deliver.calls.operations[made:] == ["dynamodb.GetItem", "dynamodb.UpdateItem"]
    assert [request.headers["webhook-id"] for request in receiver.received] == [delivery.id]


def test_an_outcome_is_one_transaction_and_so_is_a_repeat_of_it(stack: Stack) -> None:
    came = batch(outcomes(an_owner(), EVENTS))
    with in_process(stack, "record_analytics") as record:
        for times in (1, 2):
            assert record(came) == {"batchItemFailures": []}
            assert record.calls.by_operation == {"dynamodb.TransactWriteItems": times * EVENTS}


def test_an_owners_report_on_a_day_is_one_query(stack: Stack) -> None:
    owner, day = an_owner(), timestamp(now_ms() - DAY_MS)[:10]
    with in_process(stack, "record_analytics") as record:
        record(batch(outcomes(owner, EVENTS)))
    asked = api_event(
        "GET",
        "/v1/analytics",
        address=new_address(),
        query={"from": day, "to": day},
        user=Caller(owner, "user", frozenset({Role.USER})),
    )
    with in_process(stack, "read_analytics") as read:
        report = json.loads(read(asked)["body"])
        assert report["data"][0]["jobs"] == EVENTS
        assert read.calls.by_operation == {"dynamodb.Query": 1}
