"""The queue of attempts: what is sent to SQS, and what its refusals mean."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from promptmill import errors
from promptmill.events.webhooks.deliveries.gateway import DeliveryQueue, Message, message_of
from tests.integration.tables import client

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/deliveries"


@pytest.fixture(scope="module")
def sqs() -> Any:
    return client("sqs", config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture
def stub(sqs: Any) -> Iterator[Stubber]:
    with Stubber(sqs) as stubber:
        yield stubber


def body_of(number: int) -> str:
    return f'{{"webhook_id":"whk_{number}","delivery_id":"evt_{number}"}}'


def some_messages(count: int) -> list[Message]:
    return [Message(f"whk_{number}", f"evt_{number}") for number in range(count)]


def test_a_message_is_of_its_webhooks_group_and_says_nothing_but_the_ids(sqs: Any, stub: Stubber) -> None:
    sent = {"QueueUrl": URL, "MessageBody": body_of(1), "MessageGroupId": "whk_1", "DelaySeconds": 6}
    stub.add_response("send_message", {}, sent)
    DeliveryQueue(URL, sqs).send("whk_1", "evt_1", delay_seconds=6)
    stub.assert_no_pending_responses()


def test_many_messages_go_ten_at_a_time(sqs: Any, stub: Stubber) -> None:
    for numbers in (range(10), range(10, 20), range(20, 23)):
        entries = [
            {"Id": str(at), "MessageBody": body_of(number), "MessageGroupId": f"whk_{number}"}
            for at, number in enumerate(numbers)
        ]
        stub.add_response("send_message_batch", {"Successful": [], "Failed": []}, {"QueueUrl": URL, "Entries": entries})
    DeliveryQueue(URL, sqs).send_all(some_messages(23))
    stub.assert_no_pending_responses()


def test_for_nothing_nothing_is_sent(sqs: Any, stub: Stubber) -> None:
    DeliveryQueue(URL, sqs).send_all([])


def test_a_message_that_was_not_taken_is_said_within_a_200(sqs: Any, stub: Stubber) -> None:
    failed = [{"Id": "1", "Code": "InternalError", "SenderFault": False}]
    stub.add_response("send_message_batch", {"Successful": [], "Failed": failed})
    with pytest.raises(errors.QueueUnavailable, match="InternalError"):
        DeliveryQueue(URL, sqs).send_all(some_messages(2))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("RequestThrottled", errors.QueueUnavailable),
        ("a code of tomorrow", errors.QueueUnavailable),
        ("AccessDenied", errors.BrokenContractError),
        ("AWS.SimpleQueueService.NonExistentQueue", errors.BrokenContractError),
        ("QueueDoesNotExist", errors.BrokenContractError),
    ],
)
def test_a_refusal_is_one_that_may_go_away_or_one_for_a_person(
    sqs: Any, stub: Stubber, code: str, kind: type[errors.PromptmillError]
) -> None:
    stub.add_client_error("send_message", code)
    with pytest.raises(kind) as caught:
        DeliveryQueue(URL, sqs).send("whk_1", "evt_1")
    assert type(caught.value) is kind


class Unreachable:
    def send_message(self, **_: Any) -> None:
        raise ReadTimeoutError(endpoint_url=URL)


def test_no_answer_at_all_may_be_tried_again() -> None:
    with pytest.raises(errors.QueueUnavailable, match="ReadTimeoutError"):
        DeliveryQueue(URL, Unreachable()).send("whk_1", "evt_1")


def test_a_message_is_read_as_it_was_sent() -> None:
    assert message_of(body_of(1)) == Message("whk_1", "evt_1")


@pytest.mark.parametrize(
    "body",
    [
        "",
        "no json",
        "null",
        "[]",
        "{}",
        '{"webhook_id":"whk_1"}',
        json.dumps({"webhook_id": 1, "delivery_id": "evt_1"}),
    ],
)
def test_what_asks_for_no_delivery_is_refused(body: str) -> None:
    with pytest.raises(errors.BrokenContractError):
        message_of(body)
