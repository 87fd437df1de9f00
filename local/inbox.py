"""A subscriber: receives what the bus delivers to its queue, on a thread of its own."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from local.stack import Stack

PAUSE_SECONDS = 0.1


class Inbox:
    """Receives and deletes messages for the length of a ``with``, and keeps them by job, or by user."""

    def __init__(self, stack: Stack) -> None:
        self._queue_url = stack.events_queue_url
        self._sqs = stack.client("sqs")
        self._received: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._receive, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def event(self, job_id: str, detail_type: str, *, seconds: float = 15) -> dict[str, Any] | None:
        """The EventBridge event of this type about this job; None when it does not come in time."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                for event in self._received[job_id]:
                    if event["detail-type"] == detail_type:
                        return event
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    return None

    def _receive(self) -> None:
        while not self._stop.is_set():
            answer = self._sqs.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10)
            messages = answer.get("Messages", [])
            if not messages:
                self._stop.wait(PAUSE_SECONDS)
                continue
            with self._changed:
                for message in messages:
                    event = json.loads(message["Body"])
                    metadata = event["detail"]["metadata"]
                    self._received[metadata.get("job_id", metadata["owner"])].append(event)
                self._changed.notify_all()
            for message in messages:
                self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
