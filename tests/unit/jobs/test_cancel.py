"""Canceling a job: its status at once and for good, then its execution and its event, which the sweeper may finish."""

from __future__ import annotations

from dataclasses import replace

import pytest

from promptmill import errors
from promptmill.clock import timestamp
from promptmill.events.envelope import outcome_event, outcome_event_id
from promptmill.jobs.model import Job, JobStatus
from promptmill.jobs.reach import Reach
from promptmill.jobs.settling.judgement import LOOK_AGAIN_MS
from tests.support.builders import AT_MS, COST, OTHER_OWNER, OWNER, TEXT_RESULT, a_job, a_job_id
from tests.unit.jobs.settling import MemorySettlingStore, UnreachableStore, World

CANCELED_MS = AT_MS + 2_000
CANCELED_AT = timestamp(CANCELED_MS)


def canceled(world: World, job: Job, *, at_ms: int = CANCELED_MS) -> bool:
    """Whether all of it was done."""
    return world.settlement.cancel(job.id, OWNER, at_ms=at_ms).concluded


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_job_that_is_not_over_is_canceled_its_execution_stopped_its_event_sent_and_it_is_closed(status: str) -> None:
    world = World()
    job = world.has(a_job(status))
    cancellation = world.settlement.cancel(job.id, OWNER, at_ms=CANCELED_MS)
    assert cancellation.concluded
    expected = replace(
        job,
        status=JobStatus.CANCELED,
        finished_at=CANCELED_AT,
        due_at=None,
        cost={"model_usd": "0", "estimated": False},
    )
    assert world.now(job) == expected
    assert replace(cancellation.job, due_at=None) == expected
    # One that has not begun is announced and counted by its execution first, which then stops itself.
    stopped = [] if status == "queued" else [(job.id, "Canceled", "The job was canceled.")]
    assert world.workflow.stopped == stopped
    assert world.bus.published == [("job.canceled", outcome_event(expected))]


def test_what_was_paid_stays_in_its_cost_and_what_was_made_stays_unread() -> None:
    world = World()
    job = world.has(a_job("running", cost=COST, result=TEXT_RESULT))
    canceled(world, job)
    ((_, event),) = world.bus.published
    assert world.now(job).cost == event["data"]["cost"] == COST
    assert "usage" not in event["data"]
    assert "error" not in event["data"]


def test_a_job_without_an_execution_is_canceled_all_the_same() -> None:
    world = World()
    job = world.has(a_job(), execution=None)
    assert canceled(world, job)
    assert world.now(job).status is JobStatus.CANCELED


def test_canceling_it_again_changes_nothing_and_sends_nothing() -> None:
    world = World()
    job = world.has(a_job("running"))
    canceled(world, job)
    before = world.now(job)
    again = world.settlement.cancel(job.id, OWNER, at_ms=CANCELED_MS + 5_000)
    assert (again.job, again.concluded) == (before, True)
    assert world.now(job) == before
    assert world.bus.names == ["job.canceled"]
    assert len(world.workflow.stopped) == 1


@pytest.mark.parametrize("status", ["succeeded", "failed", "rejected", "expired"])
def test_a_job_that_ended_otherwise_stays_as_it_is(status: str) -> None:
    world = World()
    job = world.has(a_job(status))
    with pytest.raises(errors.JobSettled, match=f"The job is {status} already"):
        canceled(world, job)
    assert world.now(job) == job
    assert (world.bus.published, world.workflow.stopped) == ([], [])


@pytest.mark.parametrize("status", ["queued", "running", "succeeded", "canceled"])
def test_another_owners_job_is_not_there(status: str) -> None:
    world = World()
    job = world.has(a_job(status, owner=OTHER_OWNER))
    with pytest.raises(errors.JobNotFound):
        canceled(world, job)
    with pytest.raises(errors.JobNotFound):
        world.settlement.cancel(a_job_id(), OWNER, at_ms=CANCELED_MS)
    assert world.now(job) == job
    assert (world.bus.published, world.workflow.stopped) == ([], [])


@pytest.mark.parametrize("status", ["queued", "running", "canceled"])
def test_a_job_past_its_expiry_is_not_there_and_is_not_touched(status: str) -> None:
    world = World()
    job = world.has(a_job(status, expires_at_seconds=CANCELED_MS // 1000 - 1))
    with pytest.raises(errors.JobNotFound):
        canceled(world, job)
    assert world.now(job) == job
    last_second = world.has(a_job("running", expires_at_seconds=CANCELED_MS // 1000))
    assert canceled(world, last_second)


def test_a_store_that_does_not_answer_changes_nothing() -> None:
    world = World()
    world.store = UnreachableStore(world.jobs, "settle")
    job = world.has(a_job("running"))
    with pytest.raises(errors.StoreUnavailable):
        canceled(world, job)
    assert world.now(job) == job
    assert (world.bus.published, world.workflow.stopped) == ([], [])


@pytest.mark.parametrize("kind", [errors.WorkflowUnavailable, errors.BrokenContractError])
def test_an_execution_that_cannot_be_stopped_leaves_the_job_to_the_sweeper_and_its_event_goes_out(
    kind: type[errors.PromptmillError],
) -> None:
    world = World()
    job = world.has(a_job("running"))
    world.workflow.stopping_fails = kind()
    assert not canceled(world, job)
    assert world.now(job).status is JobStatus.CANCELED
    assert world.now(job).due_at == timestamp(CANCELED_MS + LOOK_AGAIN_MS)
    assert world.bus.names == ["job.canceled"]
    world.workflow.stopping_fails = None
    assert world.sweep(CANCELED_MS + LOOK_AGAIN_MS) == {"announced": 1}
    assert world.now(job).due_at is None
    assert world.workflow.statuses[job.id] == "ABORTED"


@pytest.mark.parametrize("kind", [errors.BusUnavailable, errors.BrokenContractError])
def test_an_event_that_cannot_be_sent_is_left_to_the_sweeper_or_to_the_next_cancel(
    kind: type[errors.PromptmillError],
) -> None:
    for finish in ("sweep", "cancel"):
        world = World()
        job = world.has(a_job("running"))
        world.bus.error = kind()
        assert not canceled(world, job)
        assert world.workflow.statuses[job.id] == "ABORTED"
        world.bus.error = None
        if finish == "sweep":
            world.sweep(CANCELED_MS + LOOK_AGAIN_MS)
        else:
            assert canceled(world, job, at_ms=CANCELED_MS + 10)
        assert world.bus.names == ["job.canceled"]
        assert world.now(job).due_at is None
        assert world.now(job).finished_at == CANCELED_AT


def test_a_job_that_cannot_be_closed_sends_the_same_event_again_later() -> None:
    world = World()
    world.store = UnreachableStore(world.jobs, "close")
    job = world.has(a_job("running"))
    assert not canceled(world, job)
    world.store = None
    world.sweep(CANCELED_MS + LOOK_AGAIN_MS)
    (first, second) = world.bus.published
    assert first == second
    assert first[1]["metadata"]["id"] == outcome_event_id(job.id)
    assert world.now(job).due_at is None


def test_a_canceled_job_is_open_for_the_sweeper_until_its_event_is_out() -> None:
    """As when the function is killed between the write and all else."""
    world = World()
    job = world.has(a_job("running"))
    due_at = timestamp(CANCELED_MS + LOOK_AGAIN_MS)
    MemorySettlingStore(world.jobs).settle(
        job.id, JobStatus.CANCELED, at=CANCELED_AT, due_at=due_at, reach=Reach(OWNER, CANCELED_MS // 1000)
    )
    assert world.sweep(CANCELED_MS) == {}
    assert world.sweep(CANCELED_MS + LOOK_AGAIN_MS) == {"announced": 1}
    assert world.bus.names == ["job.canceled"]
    assert world.workflow.statuses[job.id] == "ABORTED"
