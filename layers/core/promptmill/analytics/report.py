"""A report: rows of the rollups, put together by what they have in common. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from promptmill.analytics.rollup import percentile_ms
from promptmill.limits.money import format_nanousd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from promptmill.analytics.rollup import Row

DIMENSIONS = ("day", "kind", "model", "status", "prompt_version")
"""What a report can be grouped by."""


def report_groups(rows: Iterable[Row], group_by: Sequence[str]) -> list[dict[str, Any]]:
    """The groups, in the order of what they are grouped by; without ``group_by`` one, of everything there is.

    A group has ``group``, the dimensions it has in common, and its figures as the API answers with them.
    """
    groups: dict[tuple[str | None, ...], Counter[str]] = {} if group_by else {(): Counter()}
    for row in rows:
        common = tuple(getattr(row.key, dimension) for dimension in group_by)
        groups.setdefault(common, Counter()).update(row.counters)
    ordered = sorted(groups.items(), key=lambda group: [value or "" for value in group[0]])
    return [{"group": dict(zip(group_by, common, strict=True)), **figures(counters)} for common, counters in ordered]


def figures(counters: Counter[str]) -> dict[str, Any]:
    """What a row's counters, or the sum of several, say. Durations are milliseconds."""
    jobs = counters["jobs"]
    return {
        "jobs": jobs,
        "input_tokens": counters["input_tokens"],
        "output_tokens": counters["output_tokens"],
        "cost": {"model_usd": format_nanousd(counters["nanousd"])},
        "duration_ms": {
            "average": round(counters["duration_ms"] / jobs) if jobs else None,
            **{f"p{percent}": percentile_ms(counters, percent) for percent in (50, 95, 99)},
        },
        "fallbacks": counters["fallbacks"],
        "rejections": _by_code(counters, "rejected_"),
        "failures": _by_code(counters, "failed_"),
    }


def _by_code(counters: Counter[str], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): counters[name] for name in sorted(counters) if name.startswith(prefix)}
