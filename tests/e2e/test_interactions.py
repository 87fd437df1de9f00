"""What is published of copies and stars is counted: each event once, in whatever order, however often it comes."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from promptmill.clock import new_id, now_ms
from promptmill.events.names import EventName
from promptmill.events.publish import EventBus
from tests.support.api import eventually
from tests.support.interactions import an_interaction, counts_of
from tests.support.published import check_event

if TYPE_CHECKING:
    from local.stack import Stack

COUNTED = {
    EventName.PROMPT_COPIED: ("copies", 1),
    EventName.PROMPT_STARRED: ("stars", 1),
    EventName.PROMPT_UNSTARRED: ("stars", -1),
}
EVENTS = 140
DELIVERIES = 200
SEED = 20261121
BATCH_SIZE = 10


def deliver(stack: Stack, events: list[dict[str, Any]]) -> None:
    """In the order of the list."""
    client = stack.client("events")
    entries = [
        {
            "EventBusName": stack.bus_name,
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(event["detail"]),
        }
        for event in events
    ]
    for start in range(0, len(entries), BATCH_SIZE):
        assert client.put_events(Entries=entries[start : start + BATCH_SIZE])["FailedEntryCount"] == 0


def at_work(stack: Stack) -> bool:
    """Whether an execution has not ended; on AWS nobody can list those of an Express workflow."""
    pages = stack.client("stepfunctions").get_paginator("list_executions")
    return any(
        page["executions"]
        for page in pages.paginate(stateMachineArn=stack.interactions_workflow_arn, statusFilter="RUNNING")
    )


def test_two_hundred_shuffled_and_repeated_events_are_counted_once_each(stack: Stack) -> None:
    chance = random.Random(SEED)
    prompts = [new_id("prm", now_ms()) for _ in range(4)]
    events = [an_interaction(chance.choice([*COUNTED]), chance.choice(prompts)) for _ in range(EVENTS)]
    delivered = [*events, *chance.choices(events, k=DELIVERIES - EVENTS)]
    chance.shuffle(delivered)
    expected: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for event in events:
        counter, change = COUNTED[EventName(event["detail-type"])]
        expected[event["detail"]["data"]["prompt_id"]][counter] += change

    deliver(stack, delivered)
    eventually(lambda: None if at_work(stack) else True, seconds=60)
    assert {prompt: counts_of(stack, prompt) for prompt in prompts} == {
        prompt: dict(expected[prompt]) for prompt in prompts
    }


@pytest.mark.parametrize("name", [EventName.PROMPT_CREATED, EventName.PROMPT_STARRED])
def test_the_bus_starts_the_workflow_for_what_is_counted_only(stack: Stack, name: EventName) -> None:
    prompt = new_id("prm", now_ms())
    event = an_interaction(name, prompt)
    check_event(name, event["detail"])
    starred = an_interaction(EventName.PROMPT_STARRED, prompt)
    bus = EventBus(stack.bus_name, stack.client("events"))
    bus.publish(name, event["detail"])
    bus.publish(EventName.PROMPT_STARRED, starred["detail"])
    stars = 1 if name is EventName.PROMPT_CREATED else 2
    eventually(lambda: counts_of(stack, prompt) == {"stars": stars} or None)
