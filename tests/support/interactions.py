"""Interactions with prompts: their events as EventBridge delivers them, and what is counted of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptmill.clock import new_id, now_ms, random_hex, timestamp
from promptmill.events.library_events import Occurrence, prompt_event

if TYPE_CHECKING:
    from local.stack import Stack
    from promptmill.events.names import EventName


def an_interaction(name: EventName, prompt_id: str) -> dict[str, Any]:
    """By a user who does nothing else."""
    at_ms = now_ms()
    occurrence = Occurrence(
        event_id=new_id("evt", at_ms),
        at_ms=at_ms,
        owner=f"usr_{random_hex(16)}",
        correlation_id="req-1",
        traceparent=f"00-{'a' * 32}-{'b' * 16}-01",
    )
    return {
        "version": "0",
        "id": random_hex(16),
        "detail-type": name.value,
        "source": name.source,
        "account": "000000000000",
        "time": timestamp(at_ms),
        "region": "us-east-1",
        "resources": [],
        "detail": prompt_event(occurrence, prompt_id),
    }


def counts_of(stack: Stack, prompt_id: str) -> dict[str, int]:
    """The prompt's counters that are numbers."""
    key = {"pk": {"S": f"PROMPT#{prompt_id}"}, "sk": {"S": "COUNTS"}}
    item = stack.client("dynamodb").get_item(TableName=stack.analytics_table, Key=key).get("Item", {})
    return {name: int(value["N"]) for name, value in item.items() if "N" in value}
