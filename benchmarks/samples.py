"""Summaries of measured samples. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Summary:
    """Milliseconds; percentiles are the nearest rank, so each is a sample that was seen."""

    n: int
    min: float
    p50: float
    p90: float
    p99: float
    max: float

    def __str__(self) -> str:
        return f"{self.p50:8.1f} {self.p90:8.1f} {self.p99:8.1f} {self.max:8.1f}   n={self.n}"


HEADING = f"{'p50':>8} {'p90':>8} {'p99':>8} {'max':>8}"


def summary(samples: Sequence[float]) -> Summary:
    ordered = sorted(samples)

    def rank(share: float) -> float:
        return round(ordered[max(0, -(-int(share * 100) * len(ordered) // 100) - 1)], 2)

    return Summary(n=len(ordered), min=rank(0), p50=rank(0.5), p90=rank(0.9), p99=rank(0.99), max=round(ordered[-1], 2))


def median(samples: Sequence[float]) -> float:
    return round(statistics.median(samples), 2)
