from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

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
