"""The sweeper: what it finishes, what it leaves, and what it does when it cannot."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from promptmill import errors
from promptmill.clock import epoch_ms, timestamp
from promptmill.events.envelope import outcome_event
from promptmill.jobs.model import Job, JobStatus
from promptmill.jobs.records import OPEN_SHARDS, open_shard
from promptmill.jobs.settling.judgement import GRACE_MS, LOOK_AGAIN_MS
from promptmill.jobs.settling.settlement import AFTER_A_FAULT_MS, FAULTY, MAX_PAGES, MINUTE_MS, PAGE_SIZE
from tests.support.builders import AT, COST, TEXT_RESULT, TEXT_USAGE, a_job
from tests.unit.jobs.settling import MemorySettlingStore, UnreachableStore, World

DUE_MS = epoch_ms(a_job().due_at or "")
LATE_MS = epoch_ms(a_job().deadline_at) + GRACE_MS
FREE = {"model_usd": "0", "estimated": False}


@pytest.mark.parametrize(
    ("job", "execution", "at_ms", "verdict", "status", "error"),
    [
        (a_job(), None, DUE_MS, "unstarted", "failed", {"code": "workflow_unavailable", "step": "StartExecution"}),
        (
            a_job("running", step="InvokeBedrock"),
            "FAILED",
            DUE_MS,
            "abandoned",
            "failed",
            {"code": "internal_error", "step": "InvokeBedrock"},
        ),
        (
            a_job("running", step="InvokeFlux"),
            "RUNNING",
            LATE_MS,
            "expired",
            "expired",
            {"code": "deadline_passed", "step": "InvokeFlux"},
        ),
        (
            a_job("running", result=TEXT_RESULT, usage=TEXT_USAGE, cost=COST),
            "TIMED_OUT",
            DUE_MS,
            "succeeded",
            "succeeded",
            None,
        ),
    ],
    ids=["unstarted", "abandoned", "expired", "succeeded"],
)
def test_what_was_left_behind_is_settled_announced_and_closed(
    job: Job, execution: str | None, at_ms: int, verdict: str, status: str, error: dict[str, str] | None
) -> None:
    world = World()
    world.has(job, execution)
    assert world.sweep(at_ms) == {verdict: 1}
    settled = world.now(job)
    assert settled == replace(
        job,
        status=JobStatus(status),
        finished_at=timestamp(at_ms),
        error=error,
        cost=job.cost or FREE,
        due_at=None,
    )
    assert world.bus.published == [(f"job.{status}", outcome_event(settled))]
    assert world.sweep(at_ms + 10 * LOOK_AGAIN_MS) == {}
    assert len(world.bus.published) == 1


@pytest.mark.parametrize("status", ["succeeded", "failed", "rejected", "canceled", "expired"])
def test_a_job_that_is_over_keeps_its_record_and_gets_its_event(status: str) -> None:
    world = World()
    job = world.has(a_job(status), "FAILED")
    assert world.sweep(DUE_MS) == {"announced": 1}
    assert world.now(job) == replace(job, due_at=None)
    assert world.bus.published == [(f"job.{status}", outcome_event(job))]


@pytest.mark.parametrize("status", ["canceled", "expired"])
def test_an_execution_that_goes_on_for_a_job_that_must_not_is_stopped(status: str) -> None:
    world = World()
    job = world.has(a_job(status, started_at=AT))
    world.sweep(LATE_MS)
    assert world.workflow.statuses[job.id] == "ABORTED"


def test_an_execution_that_has_ended_is_not_stopped() -> None:
    world = World()
    world.has(a_job("canceled", started_at=AT), "ABORTED")
    world.workflow.stopping_fails = errors.BrokenContractError()
    assert world.sweep(LATE_MS) == {"announced": 1}


@pytest.mark.parametrize("status", ["succeeded", "failed", "rejected"])
def test_an_execution_that_is_late_with_its_event_is_not_stopped(status: str) -> None:
    """It can do no harm: what it writes meets a settled job, and its event has the same id."""
    world = World()
    job = world.has(a_job(status))
    assert world.sweep(LATE_MS) == {"announced": 1}
    assert world.workflow.stopped == []
    assert world.workflow.statuses[job.id] == "RUNNING"


def test_a_job_at_work_is_left_alone_until_it_must_be_over() -> None:
    world = World()
    job = world.has(a_job("running"))
    assert world.sweep(DUE_MS) == {"waiting": 1}
    assert world.now(job) == replace(job, due_at=timestamp(LATE_MS))
    assert world.sweep(LATE_MS - 1) == {}
    assert (world.bus.published, world.workflow.stopped) == ([], [])


def test_nothing_is_looked_at_before_it_is_due() -> None:
    world = World()
    world.has(a_job(), None)
    assert world.sweep(DUE_MS - 1) == {}
    assert world.sweep(DUE_MS) == {"unstarted": 1}


def test_a_job_that_was_closed_or_deleted_meanwhile_is_nobodys_business() -> None:
    world = World()
    job = world.has(a_job("succeeded", due_at=None))
    assert world.settlement.finish(job.id, at_ms=LATE_MS) is None
    assert world.settlement.finish(a_job().id, at_ms=LATE_MS) is None
    assert world.bus.published == []


class Overtaken(MemorySettlingStore):
    """Somebody else settles the job in the last moment."""

    def settle(self, job_id: str, status: JobStatus, **fields: Any) -> tuple[Job, bool]:
        self._jobs[job_id] = replace(self._jobs[job_id], status=JobStatus.SUCCEEDED, finished_at="earlier")
        return super().settle(job_id, status, **fields)


def test_an_execution_that_was_faster_is_left_its_event() -> None:
    world = World()
    world.store = Overtaken(world.jobs)
    job = world.has(a_job("running"))
    assert world.sweep(LATE_MS) == {}
    assert world.now(job).status is JobStatus.SUCCEEDED
    assert world.bus.published == []
    assert world.now(job).due_at is not None


@pytest.mark.parametrize("kind", [errors.WorkflowUnavailable, errors.BrokenContractError])
def test_a_job_whose_execution_cannot_be_seen_makes_way_for_others(kind: type[errors.PromptmillError]) -> None:
    world = World()
    job = world.has(a_job("running"))
    world.workflow.asking_fails = kind()
    assert world.sweep(LATE_MS) == {FAULTY: 1}
    assert world.now(job) == replace(job, due_at=timestamp(LATE_MS + AFTER_A_FAULT_MS))
    world.workflow.asking_fails = None
    assert world.sweep(LATE_MS + AFTER_A_FAULT_MS) == {"expired": 1}


@pytest.mark.parametrize(
    ("method", "seen_again_after_ms"),
    [("load", AFTER_A_FAULT_MS), ("settle", AFTER_A_FAULT_MS), ("close", LOOK_AGAIN_MS), ("postpone", 0)],
)
def test_a_store_that_fails_leaves_the_job_open(method: str, seen_again_after_ms: int) -> None:
    world = World()
    world.store = UnreachableStore(world.jobs, method)
    if method == "postpone":
        world.workflow.stopping_fails = errors.WorkflowUnavailable()
    job = world.has(a_job("running"))
    assert world.sweep(LATE_MS) == {FAULTY: 1}
    world.store, world.workflow.stopping_fails = None, None
    assert world.now(job).due_at is not None
    world.sweep(LATE_MS + seen_again_after_ms + LOOK_AGAIN_MS)
    assert world.now(job).status is JobStatus.EXPIRED
    assert world.now(job).due_at is None
    assert {detail["metadata"]["id"] for _, detail in world.bus.published} == {
        outcome_event(world.now(job))["metadata"]["id"]
    }


def test_a_bus_that_takes_nothing_leaves_the_settled_job_open_and_is_asked_again() -> None:
    world = World()
    job = world.has(a_job("running"))
    world.bus.error = errors.BusUnavailable()
    assert world.sweep(LATE_MS) == {FAULTY: 1}
    settled = world.now(job)
    assert (settled.status, settled.due_at) == (JobStatus.EXPIRED, timestamp(LATE_MS + LOOK_AGAIN_MS))
    world.bus.error = None
    assert world.sweep(LATE_MS + LOOK_AGAIN_MS) == {"announced": 1}
    assert world.bus.published == [("job.expired", outcome_event(settled))]


class Poisoned(MemorySettlingStore):
    """One job cannot be read."""

    poison: dict[str, Exception]

    def load(self, job_id: str) -> Job | None:
        if job_id in self.poison:
            raise self.poison[job_id]
        return super().load(job_id)


@pytest.mark.parametrize("error", [KeyError("status"), ValueError("no status"), TypeError("no kind")])
def test_a_job_that_cannot_be_read_does_not_hold_up_those_behind_it(error: Exception) -> None:
    world = World()
    store = Poisoned(world.jobs)
    bad, good = (a_job("running", id=f"job_01K0000000000000000000000{letter}") for letter in "08")
    assert open_shard(bad.id) == open_shard(good.id)
    world.has(replace(bad, due_at=timestamp(DUE_MS - 1)))
    world.has(good)
    store.poison = {bad.id: error}
    world.store = store
    assert world.sweep(LATE_MS) == {FAULTY: 1, "expired": 1}
    assert world.now(bad).due_at == timestamp(LATE_MS + AFTER_A_FAULT_MS)
    assert world.now(good).due_at is None


def test_a_fault_names_its_job_and_the_request_that_made_it(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    job = world.has(a_job("running"))
    world.workflow.asking_fails = errors.WorkflowUnavailable()
    with caplog.at_level(logging.INFO, "promptmill"):
        world.sweep(LATE_MS)
    facts = [[vars(line)[name] for name in ("job_id", "correlation_id", "outcome")] for line in caplog.records]
    assert facts == [[job.id, job.correlation_id, "WorkflowUnavailable"]]


def test_a_bug_is_not_a_fault_of_the_job() -> None:
    world = World()
    world.has(a_job("running"))
    world.workflow.asking_fails = ZeroDivisionError()  # type: ignore[assignment]
    with pytest.raises(ZeroDivisionError):
        world.sweep(LATE_MS)


def many(world: World, number: int, *, shard: int) -> list[Job]:
    """Jobs of one shard that nobody started, one due after the other."""
    last = next(letter for letter in "0123456789" if ord(letter) % OPEN_SHARDS == shard)
    ids = (f"job_01K{place:022d}{last}" for place in count())
    return [world.has(a_job(id=next(ids), due_at=timestamp(DUE_MS - number + place)), None) for place in range(number)]


def test_a_run_takes_so_many_pages_of_a_shard_and_the_longest_overdue_first() -> None:
    world = World()
    jobs = many(world, PAGE_SIZE * MAX_PAGES + 3, shard=2)
    assert world.sweep(DUE_MS) == {"unstarted": PAGE_SIZE * MAX_PAGES}
    assert [world.now(job).due_at is None for job in jobs] == [True] * (PAGE_SIZE * MAX_PAGES) + [False] * 3
    assert world.sweep(DUE_MS) == {"unstarted": 3}


def test_every_shard_is_swept() -> None:
    world = World()
    for shard in range(OPEN_SHARDS):
        many(world, 1, shard=shard)
    assert world.sweep(DUE_MS) == {"unstarted": OPEN_SHARDS}


def test_a_run_ends_between_two_jobs_when_its_time_is_over() -> None:
    world = World()
    jobs = many(world, 5, shard=0)
    left = iter([True, True, True, False])
    assert world.sweep(DUE_MS, has_time=lambda: next(left)) == {"unstarted": 3}
    assert [world.now(job).due_at is None for job in jobs] == [True] * 3 + [False] * 2


def test_where_there_is_time_for_one_job_a_minute_every_shard_has_its_turn() -> None:
    world = World()
    jobs = [job for shard in range(OPEN_SHARDS) for job in many(world, 3, shard=shard)]
    for minute in range(OPEN_SHARDS):
        left = iter([True, False])
        world.sweep(LATE_MS + minute * MINUTE_MS, has_time=lambda left=left: next(left))  # type: ignore[misc]
    assert {open_shard(job.id) for job in jobs if world.now(job).due_at is None} == set(range(OPEN_SHARDS))


def test_two_sweepers_at_once_do_what_one_does() -> None:
    """The second reads everything the first one is about to change."""
    world = World()
    jobs = [world.has(a_job("running", cost=COST)) for _ in range(5)]
    at_once = World(world.jobs, world.workflow, world.bus)
    stop = world.workflow.stop
    running: list[bool] = []

    def meanwhile(job_id: str, *, error: str, cause: str) -> None:
        if not running:
            running.append(True)
            at_once.sweep(LATE_MS)
        stop(job_id, error=error, cause=cause)

    world.workflow.stop = meanwhile  # type: ignore[method-assign]
    world.sweep(LATE_MS)
    assert {world.now(job).status for job in jobs} == {JobStatus.EXPIRED}
    assert {world.now(job).due_at for job in jobs} == {None}
    by_job = {job.id: [d for _, d in world.bus.published if d["metadata"]["job_id"] == job.id] for job in jobs}
    assert all(details and all(detail == details[0] for detail in details) for details in by_job.values())
