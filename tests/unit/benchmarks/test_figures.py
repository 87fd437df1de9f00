from __future__ import annotations

import ast
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cold_start
from benchmarks.goals import goals
from benchmarks.price import POLLS, bill, lambda_ms
from benchmarks.samples import summary


def a_step(*calls: tuple[str, float], wall_ms: float = 10, cpu_ms: float = 0) -> dict[str, Any]:
    return {"wall_ms": wall_ms, "cpu_ms": cpu_ms, "calls": [{"call": name, "units": units} for name, units in calls]}


def test_percentiles_are_samples_that_were_seen() -> None:
    figures = summary([float(number) for number in range(1, 101)])
    assert (figures.p50, figures.p90, figures.p99, figures.max, figures.n) == (50, 90, 99, 100, 100)


def test_one_sample_is_all_its_percentiles() -> None:
    figures = summary([7.0])
    assert {figures.min, figures.p50, figures.p90, figures.p99, figures.max} == {7.0}


@pytest.mark.parametrize(
    ("memory_mb", "expected_ms"), [pytest.param(1769, 10, id="a whole CPU"), pytest.param(884.5, 14, id="half of one")]
)
def test_computing_stretches_with_the_share_of_a_cpu_and_waiting_does_not(memory_mb: int, expected_ms: float) -> None:
    assert lambda_ms(a_step(wall_ms=10, cpu_ms=4), memory_mb) == pytest.approx(expected_ms)


def test_a_poll_is_billed_as_often_as_a_frontend_polls_and_a_write_once() -> None:
    steps = {
        "submit_job": a_step(("dynamodb.PutItem", 2), ("dynamodb.GetItem", 0.5)),
        "read_jobs": a_step(("dynamodb.Query", 1)),
    }
    lines = {line.label: line for line in bill(steps, {"submit_job": 1024, "read_jobs": 512}, transitions=8, events=2)}
    assert lines["DynamoDB writes"].usd == 1000 * 2 * Decimal("0.000000625")
    assert lines["DynamoDB reads"].usd == Decimal(str(1000 * (0.5 + POLLS))) * Decimal("0.000000125")
    assert lines["Lambda requests"].amount == str(1 + POLLS)
    assert lines["state transitions"].usd == Decimal("0.2")
    assert "S3 requests" not in lines


def measured(**events: Any) -> dict[str, Any]:
    """Results that meet every goal; ``events`` are the steps of an event that are otherwise."""
    summaries = {name: {"p50": 1.0, "p99": 1.0} for name in ("post", "enhance_end_to_end", "publish")}
    run = {"imported_ms": 1.0, "ready_ms": 1.0}
    event_calls = {
        step: a_step(("dynamodb.Call", 1)) for step in ("fan_out_to_none", "record_analytics", "read_analytics")
    }
    return {
        "latency_ms": summaries,
        "cold_start": {"as_deployed": dict.fromkeys(("floor", "submit_job", "authorize_caller"), run)},
        "verification_cpu_ms": {"RS256": {"p99": 1.0}},
        "calls": {"enhance": {"submit_job": a_step(), "read_jobs": a_step()}},
        "transitions": {"enhance": 8},
        "events": {"latency_ms": summaries},
        "event_calls": event_calls | events,
    }


def test_figures_as_they_should_be_meet_every_goal() -> None:
    assert [str(goal) for goal in goals(measured()) if not goal.is_met] == []


@pytest.mark.parametrize(
    ("step", "label"),
    [
        ("fan_out_to_none", "AWS calls of an event no webhook is for"),
        ("record_analytics", "transactions to count a job in analytics"),
        ("read_analytics", "queries of an owner's report on a day"),
    ],
)
def test_a_second_call_for_an_event_misses_its_goal(step: str, label: str) -> None:
    found = goals(measured(**{step: a_step(("dynamodb.Call", 1), ("dynamodb.Call", 1))}))
    assert [goal.label for goal in found if not goal.is_met] == [label]


def test_the_probe_makes_every_function_ready_whose_cold_start_is_measured() -> None:
    probe = Path(cold_start.__file__).parent / "probes" / "cold_start.py"
    functions = {node.name for node in ast.parse(probe.read_text()).body if isinstance(node, ast.FunctionDef)}
    assert functions - {"floor", "peak_kib"} == set(cold_start.FUNCTIONS)
