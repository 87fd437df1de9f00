"""The generic cell rate algorithm: one number per subject, the theoretical arrival time (``tat``) of its next request.

Brandur Leach, "Rate Limiting, Cells, and GCRA", https://brandur.org/rate-limiting; ATM Forum TM 4.0 §4.4.2.
Integer milliseconds throughout. The workflow decides, in two conditional writes (states CheckRate and CheckBurst);
``admit`` is that decision as the tests hold the two writes to
it, ``standing`` what the API shows of it without deciding.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RatePolicy:
    """``limit`` requests per ``period_seconds`` in the long run, ``burst`` at once after a pause."""

    name: str
    limit: int
    period_seconds: int
    burst: int

    @property
    def interval_ms(self) -> int:
        """One request's share of the period, rounded up so that the limit is never exceeded."""
        return -(-self.period_seconds * 1000 // self.limit)

    @property
    def tolerance_ms(self) -> int:
        """How far ahead of now the arrival time may be for a request to be admitted."""
        return (self.burst - 1) * self.interval_ms


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a subject stands. ``remaining`` requests would be admitted now; the next one more in ``reset_ms``."""

    remaining: int
    reset_ms: int

    @property
    def is_over(self) -> bool:
        return self.remaining == 0


def admit(tat_ms: int | None, now_ms: int, policy: RatePolicy) -> int | None:
    """The arrival time after admitting one request now, or None when it is refused."""
    if tat_ms is None or tat_ms < now_ms:
        return now_ms + policy.interval_ms
    if tat_ms <= now_ms + policy.tolerance_ms:
        return tat_ms + policy.interval_ms
    return None


def standing(tat_ms: int | None, now_ms: int, policy: RatePolicy) -> Standing:
    """Where a subject with this arrival time stands now. ``reset_ms`` is 0 when its whole burst is free."""
    ahead_ms = max(0, (tat_ms or 0) - now_ms)
    taken = -(-ahead_ms // policy.interval_ms)
    remaining = max(0, policy.burst - taken)
    freed_ms = ahead_ms - (taken - 1) * policy.interval_ms if remaining else ahead_ms - policy.tolerance_ms
    return Standing(remaining, max(0, freed_ms) if taken else 0)
