"""What a job reserves, what its calls may then cost, and who settles it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill import errors
from promptmill.jobs.intake import Intake, Replay, initial_state, new_job
from promptmill.jobs.ledger import paid_nanousd
from promptmill.jobs.model import ReplayMode
from promptmill.jobs.reserving import claim_of, reservation_for
from promptmill.limits.money import to_nanousd
from promptmill.limits.spending.reservation import Account, Reservation
from promptmill.prompting.assemble import assemble_request
from promptmill.providers.catalog import candidates, find_model
from promptmill.providers.cost import upper_bound_usd
from promptmill.providers.rules import RulesProvider
from tests.support.builders import (
    AT_MS,
    COST,
    DAY,
    OWNER,
    a_caller,
    a_claim,
    a_job,
    a_policy,
    an_enhance_request,
    an_image_request,
    an_origin,
    plans_of,
    some_limits,
)
from tests.unit.jobs.accounts import MemorySpending
from tests.unit.jobs.attempts import (
    CONFIGURED,
    OTHER_TEXT_MODEL,
    TEXT_MODEL,
    a_text_answer,
    assembled,
    attempt,
    failing,
    rows,
    stored,
)
from tests.unit.jobs.fakes import FakeProvider, FakeWorkflow, MemoryJobStore, MemoryRates, MemoryRecords
from tests.unit.jobs.job_world import KILLED, Crash, JobWorld
from tests.unit.jobs.settling import World
from tests.unit.jobs.test_assemble import assemble

if TYPE_CHECKING:
    from promptmill.jobs.requests import EnhanceJob, ImageJob
    from promptmill.jobs.store import JobStore

TODAY = date.fromisoformat(DAY)


def bound(alias: str, job_prompt: str | None = None) -> int:
    """The most one call with a model can cost for the job of the tests, in nano-dollars."""
    job = a_job() if job_prompt is None else a_job(input={"prompt": job_prompt})
    return to_nanousd(upper_bound_usd(find_model(alias), assemble_request(job)))


def submitted(request: EnhanceJob | ImageJob, *, replay: Replay | None = None) -> Reservation:
    jobs = MemoryJobStore()
    parts = (jobs, MemoryRates(), FakeWorkflow(), MemoryRecords(jobs), plans_of(a_policy()), CONFIGURED)
    intake = Intake(*parts, retention_days=1)
    job = intake.submit(request, a_caller(), an_origin(), at_ms=AT_MS, replay=replay).job
    assert job.reservation == jobs.jobs[job.id].reservation
    return job.reservation


def test_a_text_job_reserves_one_call_of_every_model_it_may_fall_back_to_and_two_of_the_last() -> None:
    assert submitted(an_enhance_request()) == Reservation(DAY, bound(TEXT_MODEL) + 2 * bound(OTHER_TEXT_MODEL), 0)
    assert submitted(an_enhance_request(model="nova-2-lite")) == Reservation(DAY, 2 * bound("nova-2-lite"), 0)
    assert submitted(an_enhance_request(model="rules")) == Reservation(DAY, 0, 0)


def test_an_image_job_reserves_its_images_and_what_they_can_cost_when_they_are_drawn_twice() -> None:
    # Two images of 1024 x 1024 pixels at 0.0027 dollars a megapixel, 12 steps being thrice the price's 4.
    assert submitted(an_image_request(n=2, steps=12)) == Reservation(DAY, 2 * 16_986_932, 2)


@pytest.mark.parametrize("request_", [an_enhance_request(), an_image_request(n=2)], ids=["enhance", "image"])
def test_a_recorded_replay_reserves_nothing(request_: EnhanceJob | ImageJob) -> None:
    assert submitted(request_, replay=Replay("job_1", ReplayMode.RECORDED, OWNER)) == Reservation(DAY, 0, 0)
    assert submitted(request_, replay=Replay("job_1", ReplayMode.LIVE, OWNER)).nanousd > 0


def test_a_model_that_cannot_be_used_is_refused_before_anything_is_stored() -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        submitted(an_enhance_request(model="flux-schnell"))
    assert caught.value.errors[0][0] == "/model"


prompts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=10, max_size=400).filter(
    lambda text: len(text.strip()) >= 10
)


@given(prompt=prompts | st.sampled_from(["<user_prompt" * 60, "<user_prompt>\N{FOX FACE}" * 30]))
def test_no_call_of_a_job_is_bounded_by_more_than_its_share_of_the_reservation(prompt: str) -> None:
    """Whatever is written into the prompt, tags like ours too: what is sent is what was reserved for."""
    job = new_job(an_enhance_request(prompt=prompt), a_caller(), an_origin(), at_ms=AT_MS, retention_days=1)
    models = candidates("enhance", None, CONFIGURED["enhance"], TODAY)
    calls = [upper_bound_usd(model, assemble_request(job)) for model in models]
    assert to_nanousd(sum(calls, Decimal(0))) <= reservation_for(job, models).nanousd


def test_a_claim_is_read_back_from_the_input_of_the_execution() -> None:
    job = a_job(reservation=Reservation(DAY, 7, 2))
    limits = some_limits(concurrent_jobs=3, images_per_day=5, daily_usd=2)
    assert claim_of(initial_state(job, limits)) == a_claim(job, limits)


def test_a_call_that_may_have_been_billed_leaves_its_model_no_second_one(jobs: JobStore) -> None:
    reservation = Reservation(DAY, bound(TEXT_MODEL) + bound(OTHER_TEXT_MODEL), 0)
    job = assembled(jobs, reservation=reservation)
    with pytest.raises(errors.ProviderTimeout):
        attempt(jobs, job, FakeProvider(failing(errors.ProviderTimeout)), model=OTHER_TEXT_MODEL)
    unasked = FakeProvider()
    with pytest.raises(errors.ReservationExhausted):
        attempt(jobs, job, unasked, model=OTHER_TEXT_MODEL)
    assert unasked.asked == []
    assert len(rows(jobs, job)) == 1
    with pytest.raises(errors.ProviderTimeout):
        attempt(jobs, job, FakeProvider(failing(errors.ProviderTimeout)), model=TEXT_MODEL)
    assert paid_nanousd(stored(jobs, job).cost) == reservation.nanousd
    assert attempt(jobs, job, RulesProvider(), model="rules")["usage"]["fallback"] is True
    assert paid_nanousd(stored(jobs, job).cost) == reservation.nanousd


def test_a_call_that_was_not_billed_may_be_made_again(jobs: JobStore) -> None:
    job = assembled(jobs, reservation=Reservation(DAY, bound(TEXT_MODEL), 0))
    with pytest.raises(errors.ProviderThrottled):
        attempt(jobs, job, FakeProvider(failing(errors.ProviderThrottled)))
    assert attempt(jobs, job, FakeProvider(a_text_answer()))["usage"]["model"] == TEXT_MODEL


def test_without_a_reservation_no_paid_call_is_made(jobs: JobStore) -> None:
    job = assembled(jobs, reservation=Reservation(DAY, bound(TEXT_MODEL) - 1, 0))
    with pytest.raises(errors.ReservationExhausted):
        attempt(jobs, job, FakeProvider())
    assert stored(jobs, job).cost is None


def test_assembling_reserves_once_however_often_it_runs(jobs: JobStore) -> None:
    spending, job = MemorySpending(), a_job()
    jobs.add(job)
    for _ in range(3):
        assemble(jobs, job, spending=spending)
    assert spending.read(OWNER, DAY) == Account(frozenset({job.id}), nanousd=job.reservation.nanousd)


def test_a_refused_job_does_not_begin(jobs: JobStore) -> None:
    spending, first, second = MemorySpending(), a_job(), a_job()
    for job in (first, second):
        jobs.add(job)
    assemble(jobs, first, spending=spending, concurrent_jobs=1)
    with pytest.raises(errors.RateLimited):
        assemble(jobs, second, spending=spending, concurrent_jobs=1)
    assert stored(jobs, second) == second


def test_a_job_that_is_over_before_it_begins_gives_back_what_was_just_reserved(jobs: JobStore) -> None:
    spending, job = MemorySpending(), a_job("canceled", cost=COST)
    jobs.add(job)
    with pytest.raises(errors.JobSettled):
        assemble(jobs, job, spending=spending)
    assert spending.read(OWNER, DAY) == Account()


def test_what_was_spent_before_the_job_was_over_is_not_given_back(jobs: JobStore) -> None:
    """A late run of the step finds the reservation of an earlier one, and settles at what the job cost."""
    spending, job = MemorySpending(), a_job("canceled", cost=COST)
    jobs.add(job)
    assert spending.reserve(a_claim(job))
    with pytest.raises(errors.JobSettled):
        assemble(jobs, job, spending=spending)
    assert spending.read(OWNER, DAY) == Account(nanousd=412_000, spent_nanousd=412_000)


def test_a_job_that_is_gone_gives_back_what_was_reserved(jobs: JobStore) -> None:
    spending = MemorySpending()
    with pytest.raises(errors.JobSettled):
        assemble(jobs, a_job(), spending=spending)
    assert spending.read(OWNER, DAY) == Account()


def test_an_assembler_that_is_killed_after_it_reserved_for_a_closed_job_leaves_nothing_reserved() -> None:
    world = JobWorld()
    job = world.submit(None).job
    world.take_up_executions()
    walk = world.walks[job.id]
    assert world.settlement.cancel(job.id, OWNER, at_ms=world.clock()).concluded
    while walk.state != "AssemblePrompt":
        walk.step()
    world.wire.cut_at(0, after=True)
    with pytest.raises(Crash):
        walk.step()
    world.wire.cut_at(None)
    assert world.spending.read(OWNER, DAY).open_jobs == {job.id}
    walk.fail(KILLED)
    walk.to_the_end()
    assert world.spending.read(OWNER, DAY) == Account()
    assert walk.status == "ABORTED"


def test_a_cancel_settles_at_what_the_job_cost() -> None:
    world = World()
    job = world.has(a_job("running", cost=COST))
    assert world.spending.reserve(a_claim(job))
    assert world.settlement.cancel(job.id, OWNER, at_ms=AT_MS + 2000).concluded
    assert world.spending.read(OWNER, DAY) == Account(nanousd=412_000, spent_nanousd=412_000)


def test_a_job_whose_reservation_cannot_be_settled_stays_open_and_the_sweeper_settles_it() -> None:
    world = World()
    job = world.has(a_job("running", cost=COST))
    assert world.spending.reserve(a_claim(job))
    world.spending.error = errors.StoreUnavailable()
    assert not world.settlement.cancel(job.id, OWNER, at_ms=AT_MS + 2000).concluded
    assert world.now(job).due_at is not None
    world.spending.error = None
    assert world.sweep(AT_MS + 120_000) == {"announced": 1}
    assert world.now(job).due_at is None
    assert world.spending.read(OWNER, DAY) == Account(nanousd=412_000, spent_nanousd=412_000)
