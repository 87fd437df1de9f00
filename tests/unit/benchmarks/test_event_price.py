from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from benchmarks.event_price import STEPS, WAYS, bills, waiting_usd
from local.stack import ROOT

MEMORY_MB = {"fan_out_event": 1024, "deliver_webhook": 512, "record_analytics": 512}


def a_step(*calls: tuple[str, float], wall_ms: float = 0) -> dict[str, Any]:
    return {"wall_ms": wall_ms, "cpu_ms": 0, "calls": [{"call": name, "units": units} for name, units in calls]}


CALLS = {
    "fan_out_to_none": a_step(("dynamodb.BatchGetItem", 2)),
    "fan_out_to_one": a_step(("dynamodb.BatchGetItem", 2), ("dynamodb.PutItem", 4), ("sqs.SendMessage", 0)),
    "deliver_webhook": a_step(("dynamodb.GetItem", 1), ("dynamodb.UpdateItem", 4), ("dynamodb.UpdateItem", 3)),
    "record_analytics": a_step(("dynamodb.TransactWriteItems", 6)),
    "count_interaction": a_step(("dynamodb.TransactWriteItems", 4)),
}
UNCOUNTED, OUTCOME, DELIVERED, INTERACTION = WAYS


def amounts(way: str) -> dict[str, str]:
    return {line.label: line.amount for line in bills(CALLS, MEMORY_MB)[way]}


@pytest.mark.parametrize(
    ("way", "requests", "invocations"),
    [
        pytest.param(UNCOUNTED, 3, 1, id="sent by the bus, received and deleted"),
        pytest.param(OUTCOME, 6, 2, id="by each of two consumers"),
        pytest.param(DELIVERED, 9, 3, id="and sent by a function, received and deleted, for each webhook"),
        pytest.param(INTERACTION, 3, 1, id="a workflow that the bus starts has no queue"),
    ],
)
def test_every_message_is_sent_received_and_deleted(way: str, requests: int, invocations: int) -> None:
    found = amounts(way)
    assert (found["SQS requests"], found["Lambda requests"]) == (str(requests), str(invocations))


def test_units_are_those_of_every_call_on_the_way() -> None:
    found = amounts(DELIVERED)
    assert (found["DynamoDB reads"], found["DynamoDB writes"]) == ("3 units", "17 units")


def test_an_event_is_published_once_however_many_it_reaches() -> None:
    for lines in bills(CALLS, MEMORY_MB).values():
        assert [line.usd for line in lines if line.label == "events"] == [Decimal("0.001")]


def test_only_an_interaction_starts_a_workflow_for_at_least_a_tenth_of_a_second() -> None:
    executions = {
        way: line.usd
        for way, lines in bills(CALLS, MEMORY_MB).items()
        for line in lines
        if line.label == "Express executions"
    }
    assert executions == {INTERACTION: pytest.approx(Decimal("0.00110417"), abs=Decimal("1e-8"))}


def test_time_is_billed_by_the_memory_of_each_function() -> None:
    slow = {step: {**done, "wall_ms": 100} for step, done in CALLS.items()}
    (time,) = (line for line in bills(slow, MEMORY_MB)[DELIVERED] if line.label == "Lambda time")
    assert time.amount == "0.2000 GB-s"
    assert waiting_usd(MEMORY_MB) == 500 * Decimal("0.0000133334")


def test_every_function_on_the_way_is_one_of_the_templates() -> None:
    functions = {step.function for step in STEPS.values()} - {""}
    assert functions == MEMORY_MB.keys() <= {folder.name for folder in (ROOT / "functions").iterdir()}
    assert {step for steps in WAYS.values() for step in steps} == STEPS.keys()
