"""The outcome of a job reaches a subscriber, signed; what is no message of ours ends where a person finds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from local.stack import STACK_NAME, Stack
from promptmill.clock import now_ms, random_hex
from promptmill.events.webhooks.deliveries.store import DeliveryStore
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.events.webhooks.model import Attempt, Delivery, DeliveryStatus, Webhook
from tests.integration.webhook_world import answering
from tests.support.api import Api, eventually, user_at
from tests.support.deliveries import a_delivery, an_event, on_the_bus
from tests.support.receiver import Receiver
from tests.support.webhooks import a_webhook

PROMPT = "Explain to a new gardener when to prune a pear tree, and when to leave it alone."


@pytest.fixture
def receiver(stack: Stack) -> Iterator[Receiver]:
    """A server with the certificate that the local stack trusts."""
    with Receiver(Path(stack.folder)) as found:
        yield found


@pytest.fixture
def webhook(stack: Stack, api: Api, receiver: Receiver) -> Iterator[Webhook]:
    """The caller's own."""
    endpoints = EndpointStore(stack.webhooks_table, stack.client("dynamodb"))
    found = a_webhook(url=receiver.url, owner=user_at(stack, api.address).owner)
    endpoints.add(found)
    yield found
    endpoints.delete(found.id)


def over(stack: Stack, webhook: Webhook, delivery_id: str) -> Delivery:
    """The delivery once it is no longer pending."""
    deliveries = DeliveryStore(stack.webhooks_table, stack.client("dynamodb"))

    def read() -> Delivery | None:
        delivery = deliveries.get(webhook.id, delivery_id, at_ms=now_ms())
        return None if delivery.status is DeliveryStatus.PENDING else delivery

    return eventually(read)


def output(stack: Stack, key: str) -> str:
    outputs = stack.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]["Outputs"]
    (value,) = (str(one["OutputValue"]) for one in outputs if one["OutputKey"] == key)
    return value


def test_the_outcome_of_a_job_arrives_once_signed(stack: Stack, api: Api, receiver: Receiver, webhook: Webhook) -> None:
    job = api.run(kind="enhance", prompt=PROMPT, metadata={"ticket": "42"})
    request = eventually(lambda: receiver.received[0] if receiver.received else None)
    event = Verifier(webhook.secrets[0].value).verify(request.body, dict(request.headers))
    assert (event["type"], event["data"]["status"], event["data"]["metadata"]) == (
        "job.succeeded",
        "succeeded",
        {"ticket": "42"},
    )
    assert event["metadata"]["job_id"] == job["id"]
    assert event["metadata"]["owner"] == job["owner"] == webhook.owner
    assert request.headers["webhook-id"] == event["metadata"]["id"]
    delivery = over(stack, webhook, event["metadata"]["id"])
    assert (delivery.status, [one.status_code for one in delivery.attempts]) == (DeliveryStatus.DELIVERED, [204])
    assert len(receiver.received) == 1


@pytest.mark.parametrize(("replayed", "is_sent"), [({}, True), ({"replay-name": "again"}, False)])
def test_webhooks_are_sent_what_happens_and_not_what_the_archive_replays(
    stack: Stack, replayed: dict[str, str], *, is_sent: bool
) -> None:
    events, queue_url = stack.client("events"), output(stack, "WebhookEventsQueueUrl")
    queue = stack.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]
    rules = events.list_rule_names_by_target(TargetArn=queue["QueueArn"], EventBusName=stack.bus_name)
    (name,) = rules["RuleNames"]
    pattern = events.describe_rule(Name=name, EventBusName=stack.bus_name)["EventPattern"]
    event = json.loads(on_the_bus(an_event())) | replayed
    assert events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"] is is_sent


def test_what_fails_at_first_comes_again_after_five_seconds(
    stack: Stack, api: Api, receiver: Receiver, webhook: Webhook
) -> None:
    receiver.respond = answering(503, 204)
    api.run(kind="enhance", prompt=PROMPT)
    first, second = eventually(lambda: receiver.received if len(receiver.received) == 2 else None)
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    waited = int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"])
    assert 5 <= waited <= 9
    delivery = over(stack, webhook, first.headers["webhook-id"])
    assert [one.status_code for one in delivery.attempts] == [503, 204]


@pytest.mark.parametrize("queue", ["WebhookEvents", "Deliveries"])
def test_a_message_nobody_can_read_ends_in_the_dead_letter_queue(stack: Stack, queue: str) -> None:
    sqs = stack.client("sqs")
    url, last_url = output(stack, f"{queue}QueueUrl"), output(stack, f"{queue}DeadLetterQueueUrl")
    poison = json.dumps({"nobody": random_hex(8)})
    usual = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "0"})
    try:
        sqs.send_message(QueueUrl=url, MessageBody=poison)

        def arrived() -> bool | None:
            for message in sqs.receive_message(QueueUrl=last_url, MaxNumberOfMessages=10).get("Messages", []):
                if message["Body"] == poison:
                    sqs.delete_message(QueueUrl=last_url, ReceiptHandle=message["ReceiptHandle"])
                    return True
            return None

        assert eventually(arrived)
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=usual)


def test_of_many_functions_at_one_time_one_has_the_attempt(stack: Stack) -> None:
    stores = [DeliveryStore(stack.webhooks_table, stack.client("dynamodb")) for _ in range(8)]
    for _ in range(5):
        at_ms = now_ms()
        delivery = a_delivery(at_ms=at_ms)
        assert stores[0].add(delivery, at_ms=at_ms)
        claim = partial(DeliveryStore.claim, webhook_id=delivery.webhook_id, delivery_id=delivery.id, at_ms=at_ms)
        with ThreadPoolExecutor(len(stores)) as pool:
            found = [one for one in pool.map(claim, stores) if one is not None]
        assert [one.begun for one in found] == [1]
        stores[0].record(found[0], Attempt(delivery.created_at, 0), DeliveryStatus.FAILED, at_ms=at_ms)
