"""What arrived in a queue of the stack, by job, or by user where it is about no job."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.stack import Stack


class Inbox:
    """Takes every message of a queue once and keeps it. Safe to use from several threads.

    The local stack delivers an event before the call that published it answers, so what a finished execution published
    is there to be taken.
    """

    def __init__(self, sqs: Any, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._lock = threading.Lock()
        self._by_subject: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)

    def of(self, subject: str) -> list[dict[str, Any]]:
        """The messages about a job, or a user, that have come so far, in the order they were taken."""
        with self._lock:
            while messages := self._sqs.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10).get(
                "Messages"
            ):
                for message in messages:
                    body = json.loads(message["Body"])
                    detail = body["detail"] if "detail" in body else json.loads(body["Detail"])
                    metadata = detail["metadata"]
                    self._by_subject[metadata.get("job_id", metadata["owner"])].append(body)
                self._sqs.delete_message_batch(
                    QueueUrl=self._queue_url,
                    Entries=[
                        {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                        for index, message in enumerate(messages)
                    ],
                )
            return list(self._by_subject[subject])


@cache
def subscriber_inbox(stack: Stack) -> Inbox:
    """The sample subscriber's queue: one inbox for the whole run, since a message is taken once."""
    return Inbox(stack.client("sqs"), stack.events_queue_url)


@cache
def parked_inbox(stack: Stack) -> Inbox:
    """The queue of events the bus did not take."""
    return Inbox(stack.client("sqs"), stack.parked_events_queue_url)
