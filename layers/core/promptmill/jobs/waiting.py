"""Waiting for a job to end, within a budget of reads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from promptmill.clock import monotonic_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptmill.jobs.model import Job

FIRST_PAUSE_MS = 200
LAST_PAUSE_MS = 1000
PAUSE_GROWTH = 1.25


def pauses_ms(budget_ms: int) -> Iterator[int]:
    """The pauses between reads: at most one read per 200 ms, growing to one per second, within the budget."""
    pause, spent = float(FIRST_PAUSE_MS), 0
    while spent < budget_ms:
        step = min(round(pause), budget_ms - spent)
        yield step
        spent += step
        pause = min(pause * PAUSE_GROWTH, LAST_PAUSE_MS)


def wait_for_end(
    read: Callable[[], Job],
    budget_ms: int,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], int] = monotonic_ms,
) -> Job | None:
    """The job once it is terminal, or None when it is not within ``budget_ms``."""
    ends_ms = clock() + budget_ms
    for pause in pauses_ms(budget_ms):
        sleep(pause / 1000)
        job = read()
        if job.status.is_terminal:
            return job
        if clock() >= ends_ms:
            break
    return None
