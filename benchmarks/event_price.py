"""What 1,000 events cost on AWS, from counted calls and measured time, as ``price`` says. Pure.

An event comes alone, one to a batch, which costs most: a batch is one invocation and one request to receive it, however
many are in it. EventBridge bills what is published; that it matches rules and goes to targets in the account is free.
Not in it: the archive and what is stored, which depend on how long they keep events, and the requests of mappings that
find their queue empty, which are as many without events.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from benchmarks.price import EVENT, LAMBDA_GB_SECOND, SQS_REQUEST, Line, lambda_lines, unit_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# A request and the shortest time that is billed, in the smallest memory. https://aws.amazon.com/step-functions/pricing/
EXPRESS_REQUEST = Decimal("0.000001")
EXPRESS_GB_SECOND = Decimal("0.0000166667")
EXPRESS_GB_SECONDS = Decimal(64) / 1024 * Decimal("0.1")
# Lambda's mapping receives a message and deletes it; EventBridge, or a function as a counted call, sends it.
MAPPING_REQUESTS = 2


@dataclass(frozen=True)
class Step:
    """What takes an event: the function, or none, and whether a rule brings the event to its queue."""

    function: str = ""
    is_targeted: bool = False


STEPS = {
    "fan_out_to_none": Step("fan_out_event", is_targeted=True),
    "fan_out_to_one": Step("fan_out_event", is_targeted=True),
    "deliver_webhook": Step("deliver_webhook"),
    "record_analytics": Step("record_analytics", is_targeted=True),
    "count_interaction": Step(),
}
WAYS = {
    "events that nothing counts, without a webhook": ("fan_out_to_none",),
    "outcomes of jobs, without a webhook": ("fan_out_to_none", "record_analytics"),
    "outcomes of jobs, with one webhook": ("fan_out_to_one", "deliver_webhook", "record_analytics"),
    "interactions with prompts, without a webhook": ("fan_out_to_none", "count_interaction"),
}


def bills(calls: Mapping[str, Any], memory_mb: Mapping[str, int]) -> dict[str, list[Line]]:
    """The lines of 1,000 events by the way they go. ``calls`` are those of ``benchmarks.calls``, by step."""
    return {way: list(_bill({step: calls[step] for step in steps}, memory_mb)) for way, steps in WAYS.items()}


def _bill(calls: Mapping[str, Any], memory_mb: Mapping[str, int]) -> Iterator[Line]:
    yield Line("events", "1", 1000 * EVENT)
    functions = [STEPS[step].function for step in calls if STEPS[step].function]
    asked = [call["call"] for done in calls.values() for call in done["calls"]]
    requests = MAPPING_REQUESTS * len(functions) + sum(STEPS[step].is_targeted for step in calls)
    requests += sum(call.startswith("sqs.") for call in asked)
    yield Line("SQS requests", str(requests), 1000 * requests * SQS_REQUEST)
    yield from lambda_lines([(calls[step], memory_mb[STEPS[step].function]) for step in calls if STEPS[step].function])
    yield from unit_lines([call for done in calls.values() for call in done["calls"]])
    executions = sum(not STEPS[step].function for step in calls)
    if executions:
        usd = executions * (EXPRESS_REQUEST + EXPRESS_GB_SECONDS * EXPRESS_GB_SECOND)
        yield Line("Express executions", str(executions), 1000 * usd)


def waiting_usd(memory_mb: Mapping[str, int]) -> Decimal:
    """What each second adds that the receivers of 1,000 deliveries take to answer."""
    return 1000 * Decimal(memory_mb["deliver_webhook"]) / 1024 * LAMBDA_GB_SECOND
