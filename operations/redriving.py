"""Reading the messages of a dead-letter queue, each once, and putting them where they belong.

SQS itself (``StartMessageMoveTask``) moves messages to the queue they came from, all of them unseen; not to a bus or
a workflow, nor to where EventBridge could not send them. Here every message is received, sent, and only then deleted.
When the process is killed in between, one was sent and is still there, or of events for the bus as many as it takes in
a request: consumers know them when they come again.
"""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from operations.command import refusal_of
from operations.dead_letters import Kind, Letter, parked_event
from promptmill.errors import BrokenContractError, BusUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from operations.dead_letters import Destination
    from operations.deployment import Deployment
    from promptmill.events.publish import EventBus

HOLD_SECONDS = 120
"""How long nobody else gets a message that was received, when this process is killed."""
_MOST = 10
# A wait has SQS ask all of its servers, so that no answer means that there is no message.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
_WAIT_SECONDS = 1
# So many answers that bring nothing but messages that are known or too new, and there is nothing else.
_PATIENCE = 3


class Reading:
    """One look at the messages a queue had at ``began_ms``.

    While it is entered, nobody else gets the messages it gave; at its end those that were not deleted can be received
    again.
    """

    def __init__(self, sqs: Any, url: str, *, began_ms: int) -> None:
        self._sqs = sqs
        self._url = url
        self._began_ms = began_ms
        self._held: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        receipts = list(self._held.values())
        for start in range(0, len(receipts), _MOST):
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for number, receipt in enumerate(receipts[start : start + _MOST])
            ]
            self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

    def letters(self, *, limit: int | None = None) -> Iterator[Letter]:
        """Each message once, ``limit`` at most; as in ``batches``."""
        return chain.from_iterable(self.batches(limit=limit))

    def batches(self, *, limit: int | None = None) -> Iterator[list[Letter]]:
        """Each message once, ``limit`` at most, as many at a time as SQS gives: ten at most.

        One that was sent since ``began_ms`` is left alone, such as one that went where it belongs and came back: it
        would go round for ever.
        """
        seen: set[str] = set()
        fruitless = 0
        while fruitless < _PATIENCE and (limit is None or len(seen) < limit):
            most = _MOST if limit is None else min(_MOST, limit - len(seen))
            received = [_letter(message) for message in self._receive(most)]
            if not received:
                return
            self._held |= {letter.id: letter.receipt for letter in received}
            letters = [one for one in received if one.sent_ms <= self._began_ms and one.id not in seen]
            seen |= {letter.id for letter in letters}
            fruitless = 0 if letters else fruitless + 1
            if letters:
                yield letters

    def delete(self, letters: Iterable[Letter]) -> None:
        for letter in letters:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt)
            del self._held[letter.id]

    def _receive(self, most: int) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=most,
            VisibilityTimeout=HOLD_SECONDS,
            WaitTimeSeconds=_WAIT_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages", [])
        return messages


def send(
    deployment: Deployment, letters: Sequence[Letter], destination: Destination, *, is_its_own: bool
) -> dict[str, dict[str, str]]:
    """Sends the messages' bodies there; with their attributes where the messages themselves were there, ``is_its_own``.

    Why each was not taken that was not, by its id. Raises botocore's errors where AWS cannot be asked at all.
    """
    if destination.kind is Kind.BUS:
        return _publish(deployment.bus, letters)
    refused = {}
    for letter in letters:
        try:
            if destination.kind is Kind.WORKFLOW:
                _start(deployment, letter, destination)
            else:
                _put(deployment, letter, destination, is_its_own=is_its_own)
        except ClientError as error:
            refused[letter.id] = refusal_of(error)
    return refused


def _publish(bus: EventBus, letters: Sequence[Letter]) -> dict[str, dict[str, str]]:
    events = {letter.id: parked_event(letter) for letter in letters}
    try:
        bus.publish_all(events.values())
    except BrokenContractError as error:
        return {message_id: refusal_of(error) for message_id in events}
    except BusUnavailable as error:
        untaken = {json.loads(entry["Detail"])["metadata"]["id"] for entry in error.unpublished}
        return {
            message_id: refusal_of(error)
            for message_id, (_, detail) in events.items()
            if detail["metadata"]["id"] in untaken
        }
    return {}


def _start(deployment: Deployment, letter: Letter, workflow: Destination) -> None:
    deployment.client("stepfunctions").start_execution(stateMachineArn=workflow.address, input=letter.body)


def _put(deployment: Deployment, letter: Letter, queue: Destination, *, is_its_own: bool) -> None:
    kept: dict[str, Any] = {}
    if is_its_own:
        kept["MessageAttributes"] = letter.attributes
        if letter.group is not None:
            kept["MessageGroupId"] = letter.group
    deployment.client("sqs").send_message(QueueUrl=queue.address, MessageBody=letter.body, **kept)


def _letter(message: dict[str, Any]) -> Letter:
    system = message["Attributes"]
    return Letter(
        id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        body=message["Body"],
        sent_ms=int(system["SentTimestamp"]),
        receives=int(system["ApproximateReceiveCount"]),
        group=system.get("MessageGroupId"),
        attributes=message.get("MessageAttributes", {}),
    )
