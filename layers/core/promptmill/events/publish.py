"""Publishes events to the bus, for what happens outside a workflow."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from promptmill.errors import BrokenContractError, BusUnavailable
from promptmill.gateway import EDGE_ATTEMPTS, NOT_WORTH_RETRYING, aws_client, error_code
from promptmill.settings import settings

SOURCE = "promptmill.jobs"


class EventBus:
    def __init__(self, name: str, client: Any) -> None:
        self._name = name
        self._client = client

    def publish(self, detail_type: str, detail: dict[str, Any]) -> None:
        """Publishes one event.

        Raises ``BusUnavailable`` when the bus does not take it, which it says within a 200; ``BrokenContractError``
        for what only a person can mend.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        entry = {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": detail_type,
            "Detail": json.dumps(detail, ensure_ascii=False, separators=(",", ":")),
        }
        try:
            answer = self._client.put_events(Entries=[entry])
        except ClientError as error:
            code = error_code(error)
            kind = BrokenContractError if code in NOT_WORTH_RETRYING else BusUnavailable
            raise kind(f"the bus answered {code}") from error
        except BotoCoreError as error:
            raise BusUnavailable(f"the bus did not answer: {type(error).__name__}") from error
        if answer.get("FailedEntryCount"):
            raise BusUnavailable(f"the bus refused the event: {answer['Entries'][0].get('ErrorCode')}")


@cache
def event_bus() -> EventBus:
    """This process's bus."""
    (name,) = settings().require("event_bus")
    return EventBus(name, aws_client("events", attempts=EDGE_ATTEMPTS))
