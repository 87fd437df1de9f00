"""The rate check decides as the reference does, at and around every boundary, whatever the arrival time was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from promptmill.jobs.model import JobStatus
from promptmill.limits.gcra import admit
from tests.support.jobs import POLICY
from tests.workflows.cases import Case, World, case
from tests.workflows.machines import Machine

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from tests.workflows.cases import Runs

# The machine's clock stands at NOW, so that a boundary can be met to the millisecond.
NOW = 1_800_000_000_000
LATEST = POLICY.tolerance_ms


def _before(tat_ms: int) -> object:
    def write(world: World, job: Job) -> None:
        world.set_arrival_time(job, tat_ms)

    return write


def _at(name: str, offset_ms: int | None) -> tuple[Case, int | None]:
    tat = None if offset_ms is None else NOW + offset_ms
    before = None if tat is None else _before(tat)
    clock = Machine(fixed_clock=True)
    # The deadline is over, so an admitted job ends right after the check.
    one = case(f"rate_{name}", machine=clock, state={"now_ms": NOW}, deadline_in_ms=-1, before=before)
    return one, tat


BOUNDARIES = [
    _at("of_a_newcomer", None),
    _at("long_after_the_arrival_time", -3_600_000),
    _at("1_ms_after_the_arrival_time", -1),
    _at("at_the_arrival_time", 0),
    _at("1_ms_before_the_arrival_time", 1),
    _at("at_the_end_of_the_burst", LATEST),
    _at("1_ms_past_the_burst", LATEST + 1),
    _at("long_past_the_burst", LATEST + 3_600_000),
]
REJECTED = case("rate_limited", before=lambda world, job: world.set_arrival_time(job, 2 * NOW))
BURST = case("within_the_burst", before=lambda world, job: world.set_arrival_time(job, _soon(job)))


def _soon(job: Job) -> int:
    """Ahead of any time the execution can start at, and well within the tolerance."""
    from promptmill.clock import epoch_ms

    return epoch_ms(job.created_at) + LATEST // 2


@pytest.mark.parametrize(("one", "tat_ms"), BOUNDARIES, ids=str)
def test_a_job_is_admitted_exactly_when_the_reference_admits_it(runs: Runs, one: Case, tat_ms: int | None) -> None:
    run = runs.of(one)
    expected = admit(tat_ms, NOW, POLICY)
    assert ("AssemblePrompt" in run.execution.states) is (expected is not None)
    assert runs.world.arrival_time(run.job) == (tat_ms if expected is None else expected)


@pytest.mark.parametrize(("one", "tat_ms"), BOUNDARIES, ids=str)
def test_only_an_arrival_time_ahead_costs_a_second_write(runs: Runs, one: Case, tat_ms: int | None) -> None:
    assert ("CheckBurst" in runs.of(one).execution.states) is (tat_ms is not None and tat_ms >= NOW)


def test_a_job_within_the_burst_goes_on(runs: Runs) -> None:
    run = runs.of(BURST)
    assert run.execution.states[:4] == ["AnnounceAccepted", "CheckRate", "CheckBurst", "AssemblePrompt"]
    assert run.job.status is JobStatus.SUCCEEDED


def test_a_job_past_the_burst_is_rejected_before_any_spend(runs: Runs) -> None:
    run = runs.of(REJECTED)
    assert run.execution.status == "SUCCEEDED"
    assert run.execution.states[-3:] == ["CloseJob", "ChooseByStatus", "JobRejected"]
    assert run.job.status is JobStatus.REJECTED
    assert run.job.error == {"code": "rate_limited", "step": "CheckRate"}
    assert run.job.started_at is None
    assert run.calls == ()
    assert run.event_names == ["job.accepted", "job.rejected"]
    assert run.outcome["data"]["error"] == {"code": "rate_limited", "step": "CheckRate"}
    assert run.outcome["data"]["cost"] == {"model_usd": "0", "estimated": False}


def test_a_failed_condition_is_an_answer_and_is_not_retried(runs: Runs) -> None:
    run = runs.of(REJECTED)
    assert (run.execution.attempts("CheckRate"), run.execution.attempts("CheckBurst")) == (1, 1)
