"""What a job store promises. The one in memory is held to the same, so that tests may use it in the other's place."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from promptmill import errors
from promptmill.jobs.records import NOTHING_PAID
from tests.support.builders import (
    AT,
    AT_MS,
    COST,
    DAY_MS,
    OTHER_OWNER,
    OWNER,
    TEXT_RESULT,
    TEXT_USAGE,
    a_call,
    a_job,
    a_job_id,
    an_image_entry,
)

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from promptmill.jobs.store import JobStore

LATER = "2026-11-21T10:00:05.000Z"
STARTED_COST = {"model_usd": "0.01", "estimated": True}
STATUSES = ["queued", "running", "succeeded", "failed", "rejected", "canceled", "expired"]
TERMINAL = STATUSES[2:]


def added(jobs: JobStore, status: str = "queued", **fields: Any) -> Job:
    job = a_job(status, **fields)
    jobs.add(job)
    return job


def with_call(jobs: JobStore, **fields: Any) -> Job:
    """A running job whose first call has begun."""
    job = added(jobs, "running", **fields)
    assert jobs.start_call(job, a_call(1), cost=STARTED_COST)
    return jobs.load_work(job.id).job


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("kind", ["enhance", "image"])
def test_a_job_reads_back_as_it_was_added(jobs: JobStore, status: str, kind: str) -> None:
    job = added(jobs, status, kind=kind, metadata={"order": "7", "": "", "é": "\U0001f98a\n\t\"'"})
    assert jobs.get(job.id, OWNER, at_ms=AT_MS) == job
    assert jobs.load_work(job.id).job == job


def test_image_results_read_back_as_they_were_added(jobs: JobStore) -> None:
    job = added(jobs, "succeeded", kind="image", result={"images": [an_image_entry(seed=2**32 + 2)]})
    assert jobs.get(job.id, OWNER, at_ms=AT_MS).result == job.result


def test_adding_the_same_job_again_is_one_job(jobs: JobStore) -> None:
    """As when the SDK tries a write again whose answer was lost."""
    job = added(jobs)
    jobs.add(job)
    assert jobs.get(job.id, OWNER, at_ms=AT_MS) == job


def test_adding_another_job_under_a_taken_id_is_refused_and_changes_nothing(jobs: JobStore) -> None:
    job = added(jobs)
    with pytest.raises(errors.StoreUnavailable):
        jobs.add(replace(job, owner=OTHER_OWNER))
    assert jobs.get(job.id, OWNER, at_ms=AT_MS) == job


def test_another_owners_job_is_as_unknown_as_one_that_does_not_exist(jobs: JobStore) -> None:
    job = added(jobs)
    with pytest.raises(errors.JobNotFound):
        jobs.get(job.id, OTHER_OWNER, at_ms=AT_MS)
    with pytest.raises(errors.JobNotFound):
        jobs.get(a_job_id(), OWNER, at_ms=AT_MS)


@pytest.mark.parametrize(("after_ms", "is_there"), [(-1, True), (0, True), (999, True), (1000, False), (DAY_MS, False)])
def test_a_job_past_its_expiry_is_gone_even_before_it_is_deleted(
    jobs: JobStore, after_ms: int, *, is_there: bool
) -> None:
    job = added(jobs, "succeeded")
    at_ms = job.expires_at_seconds * 1000 + after_ms
    if is_there:
        assert jobs.get(job.id, OWNER, at_ms=at_ms) == job
    else:
        with pytest.raises(errors.JobNotFound):
            jobs.get(job.id, OWNER, at_ms=at_ms)


def test_the_present_is_the_time_when_none_is_given(jobs: JobStore) -> None:
    long_gone = added(jobs, "succeeded", expires_at_seconds=1)
    with pytest.raises(errors.JobNotFound):
        jobs.get(long_gone.id, OWNER)
    lasting = added(jobs, expires_at_seconds=2**35)
    assert jobs.get(lasting.id, OWNER) == lasting


def test_beginning_a_job_makes_it_run(jobs: JobStore) -> None:
    job = added(jobs)
    begun = jobs.begin(job.id, at=AT, step="AssemblePrompt")
    assert begun is not None
    assert begun == replace(job, status=begun.status, started_at=AT, step="AssemblePrompt")
    assert begun.status == "running"
    assert jobs.get(job.id, OWNER, at_ms=AT_MS) == begun


def test_beginning_it_again_keeps_when_it_began(jobs: JobStore) -> None:
    job = added(jobs)
    jobs.begin(job.id, at=AT, step="AssemblePrompt")
    again = jobs.begin(job.id, at=LATER, step="AssemblePrompt")
    assert again is not None
    assert again.started_at == AT


@pytest.mark.parametrize("status", TERMINAL)
def test_a_job_that_is_over_cannot_begin(jobs: JobStore, status: str) -> None:
    job = added(jobs, status)
    assert jobs.begin(job.id, at=LATER, step="AssemblePrompt") == job
    assert jobs.get(job.id, OWNER, at_ms=AT_MS) == job


def test_a_job_that_does_not_exist_cannot_begin_and_is_not_made(jobs: JobStore) -> None:
    job_id = a_job_id()
    assert jobs.begin(job_id, at=AT, step="AssemblePrompt") is None
    with pytest.raises(errors.JobStateBroken):
        jobs.load_work(job_id)


def test_a_request_and_its_models_are_read_with_the_job(jobs: JobStore) -> None:
    job = added(jobs, "running")
    assert (jobs.load_work(job.id).request, jobs.load_work(job.id).models) == (None, ())
    request = {"form": "text", "temperature": 0.3, "max_output_tokens": 300, "messages": [{"text": "é\n"}]}
    jobs.put_request(job, request, models=["nova-2-lite", "rules"])
    jobs.put_request(job, request, models=["nova-2-lite", "rules"])
    work = jobs.load_work(job.id)
    assert (work.job, work.request, work.models, work.calls) == (job, request, ("nova-2-lite", "rules"), ())


def test_a_call_that_begins_is_a_row_a_step_and_a_cost(jobs: JobStore) -> None:
    job = added(jobs, "running")
    call = a_call(1, step="InvokeFlux")
    assert jobs.start_call(job, call, cost=STARTED_COST)
    work = jobs.load_work(job.id)
    assert work.calls == (call,)
    assert work.job == replace(job, step="InvokeFlux", cost=STARTED_COST)


def test_calls_are_read_in_the_order_of_their_numbers(jobs: JobStore) -> None:
    job = with_call(jobs)
    for number in (2, 10, 11, 100):
        cost = {"model_usd": str(number), "estimated": True}
        assert jobs.start_call(job, a_call(number), cost=cost)
        job = replace(job, cost=cost)
    assert [call.number for call in jobs.load_work(job.id).calls] == [1, 2, 10, 11, 100]


def test_every_field_of_a_call_reads_back(jobs: JobStore) -> None:
    job = with_call(jobs)
    call = a_call(
        1,
        "failed",
        upper_bound_usd=Decimal("0.0000000001"),
        cost_usd=Decimal(0),
        estimated=True,
        error="ProviderTimeout",
        provider_request_id="req-1",
        answer={"text": 'é\n"', "truncated": False, "input_tokens": 2**40, "output_tokens": 0},
    )
    assert jobs.finish_call(job, call, cost=COST)
    assert jobs.load_work(job.id).calls == (call,)


@pytest.mark.parametrize("status", ["queued", *TERMINAL])
def test_no_call_begins_for_a_job_that_is_not_running(jobs: JobStore, status: str) -> None:
    job = added(jobs, status)
    assert not jobs.start_call(job, a_call(1), cost=STARTED_COST)
    work = jobs.load_work(job.id)
    assert (work.job, work.calls) == (job, ())


def test_no_call_begins_for_a_job_that_has_its_result(jobs: JobStore) -> None:
    job = added(jobs, "running", result=TEXT_RESULT, cost=COST)
    assert not jobs.start_call(job, a_call(1), cost=STARTED_COST)
    assert jobs.load_work(job.id).calls == ()


def test_no_call_begins_on_a_ledger_that_was_written_meanwhile(jobs: JobStore) -> None:
    read_before = added(jobs, "running")
    assert jobs.start_call(read_before, a_call(1), cost=STARTED_COST)
    assert not jobs.start_call(read_before, a_call(2), cost={"model_usd": "0.02", "estimated": True})
    work = jobs.load_work(read_before.id)
    assert (work.calls, work.job.cost) == ((a_call(1),), STARTED_COST)


def test_a_number_is_given_once(jobs: JobStore) -> None:
    job = with_call(jobs)
    assert not jobs.start_call(job, a_call(1, step="InvokeFlux"), cost={"model_usd": "0.02", "estimated": True})
    work = jobs.load_work(job.id)
    assert (work.calls, work.job) == ((a_call(1),), job)


def test_a_call_that_succeeds_settles_its_row_and_gives_the_job_its_result(jobs: JobStore) -> None:
    job = with_call(jobs)
    paid = a_call(1, "succeeded")
    assert jobs.finish_call(job, paid, cost=COST, result=TEXT_RESULT, usage=TEXT_USAGE)
    work = jobs.load_work(job.id)
    assert work.job == replace(job, cost=COST, result=TEXT_RESULT, usage=TEXT_USAGE)
    assert work.calls == (paid,)


def test_a_call_that_fails_settles_its_row_and_gives_the_job_its_cost(jobs: JobStore) -> None:
    job = with_call(jobs)
    failed = a_call(1, "failed", error="ProviderTimeout")
    assert jobs.finish_call(job, failed, cost=COST)
    work = jobs.load_work(job.id)
    assert (work.job, work.calls) == (replace(job, cost=COST), (failed,))


def test_a_result_is_written_once(jobs: JobStore) -> None:
    job = with_call(jobs)
    assert jobs.finish_call(job, a_call(1, "succeeded"), cost=COST, result=TEXT_RESULT, usage=TEXT_USAGE)
    settled = jobs.load_work(job.id)
    other = {"text": "another", "type": "content"}
    late = replace(settled.job, result=None)
    assert not jobs.finish_call(late, a_call(2, "succeeded"), cost=COST, result=other, usage=TEXT_USAGE)
    assert jobs.load_work(job.id) == settled


@pytest.mark.parametrize("status", TERMINAL)
def test_a_job_that_is_over_gets_its_cost_and_no_result(jobs: JobStore, status: str) -> None:
    job = added(jobs, status, cost=STARTED_COST, result=None)
    paid = a_call(1, "succeeded")
    assert not jobs.finish_call(job, paid, cost=COST, result=TEXT_RESULT, usage=TEXT_USAGE)
    assert jobs.load_work(job.id).calls == ()
    assert jobs.finish_call(job, paid, cost=COST)
    work = jobs.load_work(job.id)
    assert (work.job, work.calls) == (replace(job, cost=COST), (paid,))


def test_a_call_is_not_settled_on_a_ledger_that_was_written_meanwhile(jobs: JobStore) -> None:
    job = with_call(jobs)
    moved = {"model_usd": "0.02", "estimated": True}
    assert jobs.start_call(job, a_call(2), cost=moved)
    before = jobs.load_work(job.id)
    assert not jobs.finish_call(job, a_call(1, "failed"), cost=COST)
    assert not jobs.finish_call(job, a_call(1, "succeeded"), cost=COST, result=TEXT_RESULT, usage=TEXT_USAGE)
    assert jobs.load_work(job.id) == before


def test_a_job_that_never_started_is_settled_as_failed(jobs: JobStore) -> None:
    job = added(jobs)
    error = {"code": "workflow_unavailable", "step": "StartExecution"}
    assert jobs.settle_unstarted(job.id, at=LATER, error=error)
    settled = jobs.get(job.id, OWNER, at_ms=AT_MS)
    assert settled == replace(job, status=settled.status, finished_at=LATER, error=error, cost=NOTHING_PAID)
    assert settled.status == "failed"


def test_settling_it_again_says_the_same_and_changes_nothing(jobs: JobStore) -> None:
    job = added(jobs)
    jobs.settle_unstarted(job.id, at=AT, error={"code": "workflow_unavailable"})
    before = jobs.get(job.id, OWNER, at_ms=AT_MS)
    assert jobs.settle_unstarted(job.id, at=LATER, error={"code": "workflow_unavailable"})
    assert jobs.get(job.id, OWNER, at_ms=AT_MS) == before


def test_a_job_whose_execution_ran_and_failed_was_started(jobs: JobStore) -> None:
    """Its caller must not hear that nothing was charged."""
    job = added(jobs, "failed", error={"code": "provider_error", "step": "InvokeBedrock"})
    assert not jobs.settle_unstarted(job.id, at=LATER, error={"code": "workflow_unavailable", "step": "StartExecution"})
    assert jobs.get(job.id, OWNER, at_ms=AT_MS) == job


@pytest.mark.parametrize("status", ["running", "succeeded", "rejected", "canceled", "expired"])
def test_a_job_that_started_after_all_is_left_to_its_execution(jobs: JobStore, status: str) -> None:
    job = added(jobs, status)
    assert not jobs.settle_unstarted(job.id, at=LATER, error={"code": "workflow_unavailable"})
    assert jobs.get(job.id, OWNER, at_ms=AT_MS) == job


def test_a_job_that_does_not_exist_has_no_work(jobs: JobStore) -> None:
    with pytest.raises(errors.JobStateBroken):
        jobs.load_work(a_job_id())
