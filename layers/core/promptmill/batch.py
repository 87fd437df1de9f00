"""The messages of a queue, as Lambda hands them over: several at a time, each with an outcome of its own."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from promptmill.step_log import log_given_up

if TYPE_CHECKING:
    from collections.abc import Callable

_ID = re.compile(r"[\w-]{1,128}", re.ASCII)


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
            event_id, correlation_id = _event_and_request(message["body"])
            log_given_up(work, error, message_id=message["messageId"], event_id=event_id, correlation_id=correlation_id)
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}


def _event_and_request(body: str) -> tuple[str | None, str | None]:
    """The ids of the event that a message has, or asks for a delivery of, and of the request that made the event.

    Each is None where the message has none, or something else in its place.
    """
    content = None
    with suppress(RecursionError, ValueError):
        content = json.loads(body)
    match content:
        case {"detail": {"metadata": {**metadata}}}:
            return _id(metadata.get("id")), _id(metadata.get("correlation_id"))
        case {"delivery_id": delivery_id}:
            return _id(delivery_id), None
        case _:
            return None, None


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and _ID.fullmatch(value) else None
