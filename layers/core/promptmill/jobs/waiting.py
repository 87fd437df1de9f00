"""Waiting for what a job does, within a budget of reads."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, TypeVar

from promptmill.clock import monotonic_ms
from promptmill.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.jobs.model import Job

T = TypeVar("T")

FIRST_PAUSE_MS = 200
LAST_PAUSE_MS = 1000
PAUSE_GROWTH = 1.25


def rest(seconds: float) -> None:
    """Does nothing for this long."""
    time.sleep(seconds)


def wait_for_end(
    read: Callable[[], Job],
    budget_ms: int,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], int] = monotonic_ms,
) -> Job | None:
    """The job once it is terminal, or None when it is not within ``budget_ms``; see ``wait_until``."""
    return wait_until(read, lambda job: job.status.is_terminal, budget_ms, sleep=sleep, clock=clock)


def wait_until(
    read: Callable[[], T],
    holds: Callable[[T], bool],
    budget_ms: int,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], int] = monotonic_ms,
) -> T | None:
    """What was read once this holds of it, or None when it does not within ``budget_ms``.

    The pauses between reads grow; the last read is when the budget is over, unless reading itself took longer. A read
    that fails for the moment is one of which it did not hold.
    """
    ends_ms = clock() + budget_ms
    pause_ms = float(FIRST_PAUSE_MS)
    while (left_ms := ends_ms - clock()) > 0:
        # A rest too short for a pause of its own is added to this one.
        sleep((left_ms if left_ms < pause_ms + FIRST_PAUSE_MS else round(pause_ms)) / 1000)
        pause_ms = min(pause_ms * PAUSE_GROWTH, LAST_PAUSE_MS)
        with contextlib.suppress(StoreUnavailable):
            seen = read()
            if holds(seen):
                return seen
    return None
