"""Publishes events to the bus, for what happens outside a workflow."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.clock import pause_up_to
from promptmill.errors import BrokenContractError, BusUnavailable
from promptmill.gateway import EDGE_ATTEMPTS, NOT_WORTH_RETRYING, aws_client, error_code
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from promptmill.events.names import EventName

# What one PutEvents takes. Its limit of 256 KB became 1 MB, not in every Region; ten events of ours seldom have 100 KB.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size
MAX_ENTRIES = 10
MAX_REQUEST_BYTES = 256 * 1024
# Before events are sent for the first time, the second time, …: each is, by chance, up to this long.
PAUSES_SECONDS = (0.0, 0.1, 0.2, 0.4, 0.8)


class EventBus:
    def __init__(self, name: str, client: Any) -> None:
        self._name = name
        self._client = client

    def publish(self, name: EventName, detail: dict[str, Any]) -> None:
        """Publishes one event.

        Raises ``BusUnavailable`` when the bus does not take it, which it says within a 200; ``BrokenContractError``
        for what only a person can mend.
        """
        entries = [self._entry(name, detail)]
        (refusal,) = self._put(entries)
        if refusal:
            raise BusUnavailable(f"the bus refused the event: {refusal}", unpublished=entries)

    def publish_all(
        self, events: Iterable[tuple[EventName, dict[str, Any]]], *, pause: Callable[[float], None] = pause_up_to
    ) -> None:
        """Publishes events, as many in a request as it takes; what the bus does not take is sent again, and no other.

        Raises ``BusUnavailable`` with the events that it had not taken at the fifth time, ``BrokenContractError`` for
        what only a person can mend.
        """
        left = [self._entry(*event) for event in events]
        for pause_seconds in PAUSES_SECONDS:
            pause(pause_seconds)
            left = [entry for entries in _requests(left) for entry in self._untaken(entries)]
            if not left:
                return
        raise BusUnavailable(f"the bus did not take {len(left)} events", unpublished=left)

    def _entry(self, name: EventName, detail: dict[str, Any]) -> dict[str, str]:
        return {
            "EventBusName": self._name,
            "Source": name.source,
            "DetailType": name.value,
            "Detail": json.dumps(detail, ensure_ascii=False, separators=(",", ":")),
        }

    def _untaken(self, entries: list[dict[str, str]]) -> list[dict[str, str]]:
        """The entries of one request that have to be sent again."""
        try:
            refusals = self._put(entries)
        except BusUnavailable:
            return entries
        return [entry for entry, refusal in zip(entries, refusals, strict=True) if refusal]

    def _put(self, entries: list[dict[str, str]]) -> list[str | None]:
        """One request; the code each entry was refused with, None for those that are out."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._client.put_events(Entries=entries)
        except ClientError as error:
            code = error_code(error)
            if code in NOT_WORTH_RETRYING:
                raise BrokenContractError(f"the bus answered {code}") from error
            raise BusUnavailable(f"the bus answered {code}", unpublished=entries) from error
        except BotoCoreError as error:
            raise BusUnavailable(f"the bus did not answer: {type(error).__name__}", unpublished=entries) from error
        return [entry.get("ErrorCode") for entry in answer["Entries"]]


def _requests(entries: list[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    """The entries in their order, cut where a request is full."""
    request: list[dict[str, str]] = []
    request_bytes = 0
    for entry in entries:
        size_bytes = sum(len(entry[field].encode()) for field in ("Source", "DetailType", "Detail"))
        if len(request) == MAX_ENTRIES or (request and request_bytes + size_bytes > MAX_REQUEST_BYTES):
            yield request
            request, request_bytes = [], 0
        request.append(entry)
        request_bytes += size_bytes
    if request:
        yield request


@cache
def event_bus() -> EventBus:
    """This process's bus."""
    (name,) = settings().require("event_bus")
    return EventBus(name, aws_client("events", attempts=EDGE_ATTEMPTS))
