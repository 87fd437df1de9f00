"""Waiting for a job to end: seldom enough to be cheap, and never longer than there is time for."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill import errors
from promptmill.jobs.waiting import FIRST_PAUSE_MS, LAST_PAUSE_MS, wait_for_end
from tests.support.builders import AT_MS, FakeClock, a_job

if TYPE_CHECKING:
    from promptmill.jobs.model import Job

RUNNING = a_job("running")
DONE = a_job("succeeded")


class Reads:
    """A job that is done ``ends_ms`` after the start; each read takes the next of ``durations_ms``, or no time."""

    def __init__(
        self, clock: FakeClock, *, ends_ms: float = float("inf"), durations_ms: list[int] | None = None
    ) -> None:
        self._clock = clock
        self._ends_ms = ends_ms
        self._durations_ms = list(durations_ms or [])
        self.at_ms: list[int] = []

    def __call__(self) -> Job:
        self.at_ms.append(self._clock.at_ms - AT_MS)
        if self._durations_ms:
            self._clock.advance(self._durations_ms.pop(0))
        return DONE if self.at_ms[-1] >= self._ends_ms else RUNNING


def wait(reads: Reads, budget_ms: int, clock: FakeClock) -> Job | None:
    return wait_for_end(reads, budget_ms, sleep=clock.sleep, clock=clock)


@given(budget_ms=st.integers(1, 60_000))
def test_the_pauses_fit_the_budget_to_the_millisecond(budget_ms: int) -> None:
    clock = FakeClock()
    assert wait(Reads(clock), budget_ms, clock) is None
    assert sum(clock.slept_ms) == budget_ms


@given(budget_ms=st.integers(1, 60_000))
def test_there_is_never_more_than_one_read_in_200_milliseconds(budget_ms: int) -> None:
    clock = FakeClock()
    reads = Reads(clock)
    wait(reads, budget_ms, clock)
    assert all(later - earlier >= 200 for earlier, later in pairwise(reads.at_ms))
    assert reads.at_ms[0] == (FIRST_PAUSE_MS if budget_ms >= 2 * FIRST_PAUSE_MS else budget_ms)
    assert reads.at_ms[-1] == budget_ms


def test_the_pauses_grow_to_a_second() -> None:
    clock = FakeClock()
    wait(Reads(clock), 25_000, clock)
    *regular, last = clock.slept_ms
    assert regular[:4] == [200, 250, 312, 391]
    assert regular == sorted(regular)
    assert max(regular) == LAST_PAUSE_MS
    assert last < LAST_PAUSE_MS + FIRST_PAUSE_MS
    # 25 seconds cost about thirty reads.
    assert len(clock.slept_ms) <= 30


@given(budget_ms=st.integers(1, 30_000), durations_ms=st.lists(st.integers(0, 3000), min_size=1, max_size=200))
def test_slow_reads_do_not_stretch_the_wait_but_for_the_last_of_them(budget_ms: int, durations_ms: list[int]) -> None:
    clock = FakeClock()
    reads = Reads(clock, durations_ms=durations_ms)
    wait(reads, budget_ms, clock)
    assert reads.at_ms[-1] <= budget_ms
    assert all(later - earlier >= 200 or later == budget_ms for earlier, later in pairwise(reads.at_ms))


@pytest.mark.parametrize("ends_ms", [0, 150, 200, 201, 5_000, 24_999, 25_000])
def test_a_job_that_ends_within_the_budget_is_returned_at_the_next_read(ends_ms: int) -> None:
    clock = FakeClock()
    reads = Reads(clock, ends_ms=ends_ms)
    assert wait(reads, 25_000, clock) is DONE
    assert reads.at_ms[-1] - ends_ms < LAST_PAUSE_MS + FIRST_PAUSE_MS
    assert all(at_ms < ends_ms for at_ms in reads.at_ms[:-1])


def test_a_job_that_ends_after_the_budget_is_not_waited_for() -> None:
    clock = FakeClock()
    assert wait(Reads(clock, ends_ms=25_001), 25_000, clock) is None


@pytest.mark.parametrize("budget_ms", [0, -1])
def test_without_a_budget_nothing_is_read(budget_ms: int) -> None:
    clock = FakeClock()
    reads = Reads(clock)
    assert wait(reads, budget_ms, clock) is None
    assert (reads.at_ms, clock.slept_ms) == ([], [])


@pytest.mark.parametrize("status", ["succeeded", "failed", "rejected", "canceled", "expired"])
def test_every_end_is_an_end(status: str) -> None:
    clock, job = FakeClock(), a_job(status)
    assert wait_for_end(lambda: job, 1000, sleep=clock.sleep, clock=clock) is job


def test_a_read_that_fails_for_the_moment_does_not_end_the_wait() -> None:
    clock = FakeClock()
    outcomes: list[Job | Exception] = [errors.StoreUnavailable(), errors.StoreUnavailable(), RUNNING, DONE]

    def read() -> Job:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert wait_for_end(read, 25_000, sleep=clock.sleep, clock=clock) is DONE


def test_a_read_that_can_never_work_ends_the_wait() -> None:
    clock = FakeClock()

    def read() -> Job:
        raise errors.JobNotFound

    with pytest.raises(errors.JobNotFound):
        wait_for_end(read, 25_000, sleep=clock.sleep, clock=clock)
