"""The messages of a queue, as Lambda hands them over: several at a time, each with an outcome of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptmill.step_log import log_given_up

if TYPE_CHECKING:
    from collections.abc import Callable


def each_message(event: dict[str, Any], work: str, handle: Callable[[str], object]) -> dict[str, Any]:
    """Calls ``handle`` with the body of every message, and answers which of them the queue has to keep.

    Those are the ones it raised for; the queue has them tried again, and in the end moves them to its dead-letter
    queue. ``work`` says in the log what could not be done.
    """
    failed = []
    for message in event["Records"]:
        try:
            handle(message["body"])
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one message, the others are handled
            log_given_up(work, error, message_id=message["messageId"])
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}
