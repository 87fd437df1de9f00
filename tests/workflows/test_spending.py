"""Reserving and settling on the deployed machine: what is refused, what is given back, and by which of the states."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from promptmill.jobs.ledger import paid_nanousd
from promptmill.jobs.model import JobStatus
from promptmill.limits.spending.reservation import Account, Claim
from promptmill.limits.spending.store import SpendingStore
from tests.support.api import eventually
from tests.support.jobs import LIMITS
from tests.workflows.cases import Case, World, canceled, case
from tests.workflows.machines import Change, Machine, Missing, missing

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from tests.workflows.cases import Runs

SPENT_ELSEWHERE = LIMITS.allowance.daily_nanousd - 10**9 + 1


def _accounts(world: World) -> SpendingStore:
    return SpendingStore(world.stack.control_table, world.dynamodb)


def _reserve(world: World, job: Job, *, job_id: str, nanousd: int = 0, images: int = 0) -> None:
    """As another run, of this job or another of its subject's, would have."""
    reservation = replace(job.reservation, nanousd=nanousd, images=images)
    assert _accounts(world).reserve(Claim(job.subject, job_id, reservation, LIMITS.allowance))


def _other_spending(world: World, job: Job) -> None:
    _reserve(world, job, job_id="job_other", nanousd=SPENT_ELSEWHERE)


def _other_images(world: World, job: Job) -> None:
    _reserve(world, job, job_id="job_other", images=LIMITS.allowance.images_per_day)


def _other_jobs(world: World, job: Job) -> None:
    for number in range(LIMITS.allowance.concurrent_jobs):
        _reserve(world, job, job_id=f"job_other{number}")


def _canceled_with_its_reservation(world: World, job: Job) -> None:
    _reserve(world, job, job_id=job.id, nanousd=job.reservation.nanousd)
    canceled(world, job)


def _settled_during_the_call(world: World, job: Job) -> None:
    eventually(lambda: world.jobs.load_work(job.id).calls or None)
    _accounts(world).settle(job.subject, job.id, job.reservation, spent_nanousd=0)


NO_ASSEMBLER = Change("AssemblePromptFunctionArn", Missing())
REFUSED = [
    (case("over_the_budget", before=_other_spending), "budget_exhausted"),
    (case("over_the_images", kind="image", before=_other_images), "budget_exhausted"),
    (case("over_the_jobs", before=_other_jobs), "rate_limited"),
]
PAID = case("spent_on_an_answer")
PAID_AND_BLOCKED = case("spent_on_a_refusal", chat=[{"stop_reason": "guardrail_intervened"}])
UNPAID_IMAGES = case("images_that_failed", kind="image", flux=[{"status": 400}])
PAID_IMAGES = case("images_that_were_drawn", kind="image", fields={"n": 2})
SETTLED = [PAID, PAID_AND_BLOCKED, UNPAID_IMAGES, PAID_IMAGES]
UNRESERVED = case("settled_before_its_end", chat=[{"delay_ms": 2000}], during=_settled_during_the_call)
UNRELEASED = case(
    "no_table_to_release", machine=missing("ControlTableName", "ReleaseReservation"), chat=[{"status": 400}]
)
NEVER_BEGAN = case(
    "canceled_with_a_reservation", machine=Machine((NO_ASSEMBLER,)), before=_canceled_with_its_reservation
)
NEVER_RESERVED = case("canceled_without_a_reservation", machine=Machine((NO_ASSEMBLER,)), before=canceled)
UNRETURNED = case(
    "no_table_to_give_back",
    machine=Machine((NO_ASSEMBLER, Change("ControlTableName", Missing(), ("ReleaseUnused",)))),
    before=canceled,
)


def _account(runs: Runs, job: Job) -> Account:
    return _accounts(runs.world).read(job.subject, job.reservation.day)


@pytest.mark.parametrize(("one", "code"), REFUSED, ids=str)
def test_a_job_that_its_account_has_no_room_for_is_rejected_before_it_begins(runs: Runs, one: Case, code: str) -> None:
    run = runs.of(one)
    assert run.job.status is JobStatus.REJECTED
    assert run.job.error == {"code": code, "step": "AssemblePrompt"}
    assert (run.job.started_at, run.calls) == (None, ())
    assert run.execution.attempts("AssemblePrompt") == 1
    assert run.execution.status == "SUCCEEDED"
    assert run.event_names == ["job.accepted", "job.rejected"]
    assert run.job.id not in _account(runs, run.job).open_jobs
    assert _account(runs, run.job).spent_nanousd == 0


@pytest.mark.parametrize("one", SETTLED, ids=str)
def test_what_a_job_cost_takes_the_place_of_its_reservation(runs: Runs, one: Case) -> None:
    run = runs.of(one)
    paid = paid_nanousd(run.job.cost)
    images = run.submitted.reservation.images if paid else 0
    assert _account(runs, run.job) == Account(nanousd=paid, spent_nanousd=paid, images=images)
    assert (paid > 0) is (one is not UNPAID_IMAGES)
    assert run.swept.verdict is None


def test_a_success_whose_reservation_was_settled_before_is_closed_all_the_same(runs: Runs) -> None:
    run = runs.of(UNRESERVED)
    assert run.execution.states[-4:] == ["ReleaseReservation", "CloseJob", "ChooseByStatus", "JobSucceeded"]
    assert run.execution.attempts("CloseSucceeded") == 1
    assert run.job.due_at is None
    assert run.swept.verdict is None


def test_a_reservation_that_cannot_be_released_keeps_its_job_open_for_the_sweeper(runs: Runs) -> None:
    run = runs.of(UNRELEASED)
    assert run.execution.attempts("ReleaseReservation") == 4
    assert "CloseJob" not in run.execution.states
    assert run.job.status is JobStatus.FAILED
    assert run.job.due_at is not None
    assert run.swept.verdict == "announced"
    assert run.swept.job.due_at is None
    assert _account(runs, run.job) == Account()


def test_what_was_reserved_for_a_job_that_never_began_is_given_back(runs: Runs) -> None:
    run = runs.of(NEVER_BEGAN)
    assert run.execution.states[-3:] == ["ChooseBySettledStep", "ReleaseUnused", "StopSettled"]
    assert run.job.status is JobStatus.CANCELED
    assert _account(runs, run.job) == Account()


@pytest.mark.parametrize(("one", "attempts"), [(NEVER_RESERVED, 1), (UNRETURNED, 4)], ids=str)
def test_an_execution_with_nothing_to_give_back_stops(runs: Runs, one: Case, attempts: int) -> None:
    run = runs.of(one)
    assert run.execution.attempts("ReleaseUnused") == attempts
    assert run.execution.states[-1] == "StopSettled"
    assert run.execution.status == "ABORTED"
