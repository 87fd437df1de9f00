"""Two runs of one step at the same time, as when Step Functions lost the answer of the first and started another.

The second run happens during the first one's provider call.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from promptmill import errors
from promptmill.jobs.ledger import total_cost
from promptmill.jobs.model import JobStatus
from promptmill.providers.cost import format_usd
from tests.unit.jobs.attempts import TEXT_MODEL, USAGE, USD, a_text_answer, assembled, attempt, failing, rows, stored
from tests.unit.jobs.fakes import FakeProvider

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.jobs.model import Job
    from promptmill.jobs.store import JobStore
    from promptmill.providers.interface import Answer

FIRST = "The text of the run that began first."
SECOND = "The text of the run that began second."


def during(jobs: JobStore, job: Job, outcome: Answer | errors.PromptmillError) -> Callable[[], None]:
    """Another whole run of the step, to be made within the first one's call."""

    def run() -> None:
        provider = FakeProvider(outcome)
        if isinstance(outcome, errors.PromptmillError):
            with pytest.raises(type(outcome)):
                attempt(jobs, job, provider)
        else:
            attempt(jobs, job, provider)

    return run


def holds_every_call(jobs: JobStore, job: Job) -> bool:
    """Whether the job's cost is the sum of its ledger."""
    cost = total_cost(jobs.load_work(job.id).calls)
    return stored(jobs, job).cost == {"model_usd": format_usd(cost.usd), "estimated": cost.estimated}


def test_the_result_that_came_first_stands_and_both_runs_return_its_figures(jobs: JobStore) -> None:
    job = assembled(jobs)
    figures = attempt(jobs, job, FakeProvider(a_text_answer(FIRST), meanwhile=during(jobs, job, a_text_answer(SECOND))))
    after = stored(jobs, job)
    assert after.result is not None
    assert after.result["text"] == SECOND
    # The workflow goes on to PersistResult with these; JobSettled would have ended it with the job still running.
    assert figures == {"usage": after.usage, "cost": {"model_usd": format_usd(2 * USD), "estimated": False}}
    assert after.cost == figures["cost"]
    assert after.status is JobStatus.RUNNING


def test_a_success_counts_the_call_that_failed_beside_it(jobs: JobStore) -> None:
    job = assembled(jobs)
    other = failing(errors.ProviderStreamBroken, usage=USAGE)
    figures = attempt(jobs, job, FakeProvider(a_text_answer(FIRST), meanwhile=during(jobs, job, other)))
    after = stored(jobs, job)
    assert after.result is not None
    assert after.result["text"] == FIRST
    assert figures["cost"] == after.cost == {"model_usd": format_usd(2 * USD), "estimated": False}
    assert [row["status"] for row in rows(jobs, job)] == ["succeeded", "failed"]


def test_a_failure_counts_the_call_that_succeeded_beside_it(jobs: JobStore) -> None:
    job = assembled(jobs)
    error = failing(errors.ProviderStreamBroken, usage=USAGE)
    with pytest.raises(errors.ProviderStreamBroken):
        attempt(jobs, job, FakeProvider(error, meanwhile=during(jobs, job, a_text_answer(SECOND))))
    after = stored(jobs, job)
    assert after.result is not None
    assert after.result["text"] == SECOND
    assert after.cost == {"model_usd": format_usd(2 * USD), "estimated": False}


def test_many_overlapping_runs_lose_no_call(jobs: JobStore) -> None:
    job = assembled(jobs)
    innermost = during(jobs, job, failing(errors.ProviderTimeout))

    def middle() -> None:
        attempt(jobs, job, FakeProvider(a_text_answer(SECOND), meanwhile=innermost))

    attempt(jobs, job, FakeProvider(a_text_answer(FIRST), meanwhile=middle))
    assert [row["status"] for row in rows(jobs, job)] == ["succeeded", "succeeded", "failed"]
    assert holds_every_call(jobs, job)


class TwiceLoaded:
    """A store whose first reader is overtaken: another run of the step happens between its read and its write."""

    def __init__(self, jobs: JobStore, meanwhile: Callable[[], object]) -> None:
        self._jobs = jobs
        self._meanwhile: Callable[[], object] | None = meanwhile

    def __getattr__(self, name: str) -> object:
        return getattr(self._jobs, name)

    def load_work(self, job_id: str) -> object:
        work = self._jobs.load_work(job_id)
        if self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            meanwhile()
        return work


def overtaken(jobs: JobStore, meanwhile: Callable[[], object]) -> JobStore:
    return TwiceLoaded(jobs, meanwhile)  # type: ignore[return-value]


def test_a_run_that_was_overtaken_before_its_call_pays_nothing_and_returns_the_others_figures(jobs: JobStore) -> None:
    job = assembled(jobs)
    provider = FakeProvider()
    figures = attempt(overtaken(jobs, during(jobs, job, a_text_answer(SECOND))), job, provider)
    assert provider.asked == []
    assert figures == {"usage": stored(jobs, job).usage, "cost": {"model_usd": format_usd(USD), "estimated": False}}


def test_a_ledger_number_that_another_run_took_is_tried_again_later_and_nothing_is_paid(jobs: JobStore) -> None:
    job = assembled(jobs)
    provider = FakeProvider()
    other = during(jobs, job, failing(errors.ProviderStreamBroken, usage=USAGE))
    with pytest.raises(errors.StoreUnavailable):
        attempt(overtaken(jobs, other), job, provider)
    assert provider.asked == []
    assert len(rows(jobs, job)) == 1
    assert holds_every_call(jobs, job)


def settle(jobs: JobStore, job: Job, status: str) -> None:
    """Ends the job as its owner, an operator or the workflow would, by the condition all terminal writes have."""
    current = stored(jobs, job)
    replacement = replace(current, status=JobStatus(status), finished_at="2026-11-21T10:00:01.000Z")
    overwrite(jobs, replacement)


def overwrite(jobs: JobStore, job: Job) -> None:
    from promptmill.jobs.records import job_item
    from tests.unit.jobs.fakes import MemoryJobStore

    if isinstance(jobs, MemoryJobStore):
        jobs.jobs[job.id] = job
    else:
        jobs._client.put_item(TableName=jobs._table, Item=job_item(job))


@pytest.mark.parametrize("status", ["canceled", "expired", "failed"])
def test_a_job_that_ended_during_the_call_gets_its_cost_and_no_result(jobs: JobStore, status: str) -> None:
    job = assembled(jobs)
    provider = FakeProvider(a_text_answer(), meanwhile=lambda: settle(jobs, job, status))
    with pytest.raises(errors.JobSettled):
        attempt(jobs, job, provider)
    after = stored(jobs, job)
    assert (after.status, after.result, after.usage) == (status, None, None)
    assert after.cost == {"model_usd": "0.000649", "estimated": False}
    assert [(row["status"], row["usd"]) for row in rows(jobs, job)] == [("succeeded", USD)]


def test_a_call_that_fails_for_a_job_that_ended_meanwhile_is_settled_too(jobs: JobStore) -> None:
    job = assembled(jobs)
    error = failing(errors.ProviderThrottled)
    with pytest.raises(errors.ProviderThrottled):
        attempt(jobs, job, FakeProvider(error, meanwhile=lambda: settle(jobs, job, "canceled")))
    after = stored(jobs, job)
    assert (after.status, after.cost) == ("canceled", {"model_usd": "0", "estimated": False})
    assert [(row["status"], row["usd"]) for row in rows(jobs, job)] == [("failed", Decimal(0))]


def test_nothing_is_paid_for_a_job_that_ends_between_reading_it_and_writing_the_row(jobs: JobStore) -> None:
    job = assembled(jobs)
    provider = FakeProvider()
    with pytest.raises(errors.JobSettled):
        attempt(overtaken(jobs, lambda: settle(jobs, job, "canceled")), job, provider, model=TEXT_MODEL)
    assert (provider.asked, rows(jobs, job)) == ([], [])
    assert stored(jobs, job).cost is None
