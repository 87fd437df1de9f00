"""Reports: what rows say, put together by what they have in common."""

from __future__ import annotations

from typing import Any

import pytest

from promptmill.analytics.report import DIMENSIONS, report_groups
from tests.support.builders import TEXT_USAGE
from tests.unit.analytics.fakes import an_outcome, counted

EVENTS = [
    an_outcome(at="2026-11-20T10:00:00.000Z"),
    an_outcome(cost={"model_usd": "0.1", "estimated": False}, usage={**TEXT_USAGE, "fallback": True}),
    an_outcome(usage={**TEXT_USAGE, "model": "nova-pro", "prompt_version": "enhance-v2"}),
    an_outcome("rejected", code="rate_limited"),
    an_outcome("rejected", code="content_blocked"),
    an_outcome("failed", code="provider_timeout", kind="image"),
]


def groups(*group_by: str) -> list[dict[str, Any]]:
    rows = counted(*EVENTS).everybodys_rows(first_day="2026-11-01", last_day="2026-11-30")
    return report_groups(rows, group_by)


def test_without_a_grouping_there_is_one_group_of_everything() -> None:
    (total,) = groups()
    assert total == {
        "group": {},
        "jobs": 6,
        "input_tokens": 900,
        "output_tokens": 600,
        "cost": {"model_usd": "0.10206"},
        "duration_ms": {"average": 900, "p50": 1_000, "p95": 1_000, "p99": 1_000},
        "fallbacks": 1,
        "rejections": {"content_blocked": 1, "rate_limited": 1},
        "failures": {"provider_timeout": 1},
    }


@pytest.mark.parametrize(
    ("dimension", "jobs"),
    [
        ("day", {"2026-11-20": 1, "2026-11-21": 5}),
        ("kind", {"enhance": 5, "image": 1}),
        ("model", {None: 3, "nova-2-lite": 2, "nova-pro": 1}),
        ("status", {"failed": 1, "rejected": 2, "succeeded": 3}),
        ("prompt_version", {None: 3, "enhance-v1": 2, "enhance-v2": 1}),
    ],
)
def test_every_dimension_groups_in_the_order_of_its_values(dimension: str, jobs: dict[str | None, int]) -> None:
    assert [(group["group"][dimension], group["jobs"]) for group in groups(dimension)] == list(jobs.items())


def test_groups_of_all_dimensions_add_up_to_the_total() -> None:
    found = groups(*DIMENSIONS)
    assert all(list(group["group"]) == list(DIMENSIONS) for group in found)
    assert len(found) == 5
    assert sum(group["jobs"] for group in found) == 6


def test_nothing_is_no_group_or_one_without_jobs() -> None:
    assert report_groups([], ["day"]) == []
    (total,) = report_groups([], [])
    assert (total["jobs"], total["cost"]) == (0, {"model_usd": "0"})
    assert set(total["duration_ms"].values()) == {None}
