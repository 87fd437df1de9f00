"""A paid answer is not thrown away, and not paid again, because the store did not answer for a moment."""

from __future__ import annotations

from typing import Any

import pytest

from promptmill import errors
from promptmill.jobs.ledger import CallStatus
from tests.support.builders import FakeClock
from tests.unit.jobs.attempts import TEXT, a_text_answer, assembled, attempt, stored
from tests.unit.jobs.fakes import FakeProvider, MemoryJobStore


class Faltering(MemoryJobStore):
    """Does not answer when a call is to be settled, ``times`` times; the write may have landed all the same."""

    def __init__(self, times: int, *, lands: bool) -> None:
        super().__init__()
        self._times = times
        self._lands = lands

    def finish_call(self, *arguments: Any, **fields: Any) -> bool:
        if not self._times:
            return super().finish_call(*arguments, **fields)
        self._times -= 1
        if self._lands:
            super().finish_call(*arguments, **fields)
        raise errors.StoreUnavailable


@pytest.mark.parametrize("lands", [False, True], ids=["lost", "landed"])
@pytest.mark.parametrize("times", [1, 3])
def test_a_write_that_is_not_answered_is_tried_again_and_the_answer_kept(times: int, lands: bool) -> None:  # noqa: FBT001
    jobs, clock = Faltering(times, lands=lands), FakeClock()
    job = assembled(jobs)
    provider = FakeProvider(a_text_answer())
    figures = attempt(jobs, job, provider, clock=clock)
    after = stored(jobs, job)
    assert after.result is not None
    assert after.result["text"] == TEXT
    assert figures == {"usage": after.usage, "cost": after.cost}
    (row,) = jobs.load_work(job.id).calls
    assert (row.status, row.answer is not None, len(provider.asked)) == (CallStatus.SUCCEEDED, True, 1)
    assert clock.slept_ms


def test_a_store_that_stays_away_is_an_error_that_step_functions_retries() -> None:
    jobs = Faltering(100, lands=False)
    job = assembled(jobs)
    with pytest.raises(errors.StoreUnavailable):
        attempt(jobs, job, FakeProvider(a_text_answer()))
    (row,) = jobs.load_work(job.id).calls
    assert row.status is CallStatus.STARTED
