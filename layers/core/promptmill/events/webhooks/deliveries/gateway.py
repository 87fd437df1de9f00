"""The queue of attempts to be made: a message asks for one, the table says whether it is due."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.errors import BrokenContractError, QueueUnavailable
from promptmill.gateway import EDGE_ATTEMPTS, NOT_WORTH_RETRYING, aws_client, error_code
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# What one SendMessageBatch takes.
BATCH_SIZE = 10
# Of SQS, beside those every service has.
_NOT_WORTH_RETRYING = NOT_WORTH_RETRYING | {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}


@dataclass(frozen=True, slots=True)
class Message:
    """Asks for the attempt of a delivery that is due then."""

    webhook_id: str
    delivery_id: str


class DeliveryQueue:
    """Every method raises ``QueueUnavailable``, or ``BrokenContractError`` for what only a person can mend."""

    def __init__(self, url: str, client: Any) -> None:
        self._url = url
        self._client = client

    def send(self, webhook_id: str, delivery_id: str, *, delay_seconds: int = 0) -> None:
        """Asks for an attempt in so many seconds, 900 at most."""
        with _queue_errors():
            self._client.send_message(
                QueueUrl=self._url, DelaySeconds=delay_seconds, **_entry(Message(webhook_id, delivery_id))
            )

    def send_all(self, messages: Sequence[Message]) -> None:
        """Asks for these attempts at once. When it raises, the queue has some of them, perhaps."""
        for start in range(0, len(messages), BATCH_SIZE):
            batch = messages[start : start + BATCH_SIZE]
            entries = [{"Id": str(number), **_entry(message)} for number, message in enumerate(batch)]
            with _queue_errors():
                answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
            if answer.get("Failed"):
                raise QueueUnavailable(f"the queue refused messages: {answer['Failed'][0].get('Code')}")


def message_of(body: str) -> Message:
    """The message in the body of one. Raises ``BrokenContractError`` when it is not one of ours."""
    try:
        content = json.loads(body)
        message = Message(content["webhook_id"], content["delivery_id"])
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenContractError("the message asks for no delivery") from error
    if not (isinstance(message.webhook_id, str) and isinstance(message.delivery_id, str)):
        raise BrokenContractError("the message asks for no delivery")
    return message


@cache
def delivery_queue(*, attempts: int = EDGE_ATTEMPTS) -> DeliveryQueue:
    """This process's queue; ``attempts`` of each call, the first one too."""
    (url,) = settings().require("deliveries_queue_url")
    return DeliveryQueue(url, aws_client("sqs", attempts=attempts))


def _entry(message: Message) -> dict[str, Any]:
    body = {"webhook_id": message.webhook_id, "delivery_id": message.delivery_id}
    # Among messages that wait, SQS lets those of groups that hold few consumers go first.
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
    return {"MessageBody": json.dumps(body, separators=(",", ":")), "MessageGroupId": message.webhook_id}


@contextmanager
def _queue_errors() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error_code(error)
        kind = BrokenContractError if code in _NOT_WORTH_RETRYING else QueueUnavailable
        raise kind(f"the queue answered {code}") from error
    except BotoCoreError as error:
        raise QueueUnavailable(f"the queue did not answer: {type(error).__name__}") from error
