"""A provider step and its job's deadline: no call is begun after it, none goes on past it, and every one is counted."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from promptmill import errors
from promptmill.clock import timestamp
from promptmill.providers.catalog import find_model
from promptmill.providers.cost import format_usd, upper_bound_usd
from tests.support.builders import AT_MS, FakeClock
from tests.unit.jobs.attempts import TEXT_MODEL, a_text_answer, assembled, attempt, failing, rows, stored
from tests.unit.jobs.fakes import FakeProvider

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from promptmill.jobs.store import JobStore

LEFT_MS = 12_345


def ending_soon(jobs: JobStore) -> Job:
    return assembled(jobs, deadline_at=timestamp(AT_MS + LEFT_MS))


def test_a_call_is_given_the_time_that_is_left_to_the_job(jobs: JobStore) -> None:
    provider = FakeProvider(a_text_answer())
    attempt(jobs, ending_soon(jobs), provider)
    assert provider.within_seconds == [12.345]


def test_a_call_the_deadline_cuts_is_settled_as_a_timeout_and_ends_the_job(jobs: JobStore) -> None:
    job, clock = ending_soon(jobs), FakeClock()
    provider = FakeProvider(failing(errors.ProviderTimeout), meanwhile=lambda: clock.advance(LEFT_MS))
    with pytest.raises(errors.DeadlinePassed):
        attempt(jobs, job, provider, clock=clock)
    most = upper_bound_usd(find_model(TEXT_MODEL), provider.asked[0][1])
    (row,) = rows(jobs, job)
    assert (row["status"], row["error"], row["usd"], row["estimated"]) == ("failed", "ProviderTimeout", most, True)
    assert stored(jobs, job).cost == {"model_usd": format_usd(most), "estimated": True}


def test_a_timeout_before_the_deadline_stays_one_so_that_it_is_tried_again(jobs: JobStore) -> None:
    job, clock = ending_soon(jobs), FakeClock()
    provider = FakeProvider(failing(errors.ProviderTimeout), meanwhile=lambda: clock.advance(LEFT_MS - 1))
    with pytest.raises(errors.ProviderTimeout):
        attempt(jobs, job, provider, clock=clock)


def test_another_error_at_the_deadline_says_what_it_is(jobs: JobStore) -> None:
    job, clock = ending_soon(jobs), FakeClock()
    provider = FakeProvider(failing(errors.InvalidRequest), meanwhile=lambda: clock.advance(LEFT_MS))
    with pytest.raises(errors.InvalidRequest):
        attempt(jobs, job, provider, clock=clock)


def test_an_answer_that_was_paid_for_is_kept_though_the_deadline_passed(jobs: JobStore) -> None:
    job, clock = ending_soon(jobs), FakeClock()
    provider = FakeProvider(a_text_answer(), meanwhile=lambda: clock.advance(LEFT_MS + 1))
    attempt(jobs, job, provider, clock=clock)
    assert stored(jobs, job).result is not None


class SlowStart(FakeClock):
    """The first reading is before the deadline, all others are at it."""

    def __call__(self) -> int:
        at_ms = self.at_ms
        self.at_ms = AT_MS + LEFT_MS
        return at_ms


def test_a_job_whose_deadline_passes_as_its_call_is_noted_is_not_called_for_and_costs_nothing(jobs: JobStore) -> None:
    job, provider = ending_soon(jobs), FakeProvider()
    with pytest.raises(errors.DeadlinePassed):
        attempt(jobs, job, provider, clock=SlowStart())
    assert provider.asked == []
    (row,) = rows(jobs, job)
    assert (row["status"], row["error"], row["usd"]) == ("failed", "DeadlinePassed", Decimal(0))


@pytest.mark.parametrize(("asked_for", "kept_ms"), [(3, 2345), (3600, 2345), (1, 1000), (None, 0)])
def test_a_providers_wish_to_be_left_alone_does_not_outlast_the_deadline(
    jobs: JobStore, asked_for: int | None, kept_ms: int
) -> None:
    job, clock = ending_soon(jobs), FakeClock()
    refusal = failing(errors.ProviderThrottled, retry_after_seconds=asked_for)
    provider = FakeProvider(refusal, meanwhile=lambda: clock.advance(10_000))
    with pytest.raises(errors.ProviderThrottled):
        attempt(jobs, job, provider, clock=clock)
    assert clock.slept_ms == [kept_ms]
