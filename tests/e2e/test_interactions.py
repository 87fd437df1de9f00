"""What is published of copies and stars is counted: each event once, in whatever order, however often it comes."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from promptmill.clock import new_id, now_ms
from promptmill.events.names import EventName
from promptmill.events.publish import EventBus
from tests.support.api import eventually
from tests.support.interactions import an_interaction, counts_of

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


def executions(stack: Stack, **status: str) -> int:
    """How many there are; AWS does not list those of an Express workflow, the local stack does."""
    pages = stack.client("stepfunctions").get_paginator("list_executions")
    return sum(
        len(page["executions"]) for page in pages.paginate(stateMachineArn=stack.interactions_workflow_arn, **status)
    )


def wait_for_all(stack: Stack) -> None:
    eventually(lambda: executions(stack, statusFilter="RUNNING") == 0 or None, seconds=60)


def test_two_hundred_shuffled_and_repeated_events_are_counted_once_each(stack: Stack) -> None:
    chance = random.Random(SEED)
    prompts = [new_id("prm", now_ms()) for _ in range(4)]
    events = []
    expected: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _ in range(EVENTS):
        name, prompt = chance.choice([*COUNTED]), chance.choice(prompts)
        counter, change = COUNTED[name]
        expected[prompt][counter] += change
        events.append((name, an_interaction(name, prompt)["detail"]))
    delivered = [*events, *chance.choices(events, k=DELIVERIES - EVENTS)]
    chance.shuffle(delivered)

    EventBus(stack.bus_name, stack.client("events")).publish_all(delivered)
    wait_for_all(stack)
    assert {prompt: counts_of(stack, prompt) for prompt in prompts} == expected


def test_the_bus_starts_the_workflow_for_what_is_counted_and_for_nothing_else(stack: Stack) -> None:
    prompt, before = new_id("prm", now_ms()), executions(stack)
    bus = EventBus(stack.bus_name, stack.client("events"))
    for name in (EventName.PROMPT_CREATED, EventName.PROMPT_STARRED):
        bus.publish(name, an_interaction(name, prompt)["detail"])
    wait_for_all(stack)
    assert counts_of(stack, prompt) == {"stars": 1}
    assert executions(stack) == before + 1
