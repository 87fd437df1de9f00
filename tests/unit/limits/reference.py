"""Another way to say what the limiter does, sharing nothing with it: a bucket that leaks, in exact fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptmill.limits.gcra import RatePolicy


class LeakyBucket:
    """Holds ``burst`` requests and leaks one per ``period / limit``, rounded up to a whole millisecond."""

    def __init__(self, policy: RatePolicy) -> None:
        exact = Fraction(policy.period_seconds * 1000, policy.limit)
        self._leak_ms = Fraction(-(-exact.numerator // exact.denominator))
        self._burst = policy.burst
        self._level = Fraction(0)
        self._at_ms: int | None = None

    def admits(self, at_ms: int) -> bool:
        if self._at_ms is not None:
            self._level = max(Fraction(0), self._level - (at_ms - self._at_ms) / self._leak_ms)
        self._at_ms = at_ms
        if self._level + 1 > self._burst:
            return False
        self._level += 1
        return True
