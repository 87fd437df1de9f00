"""How a job comes in: admitted, stored, started, or refused with nothing left behind."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from promptmill import errors
from promptmill.clock import epoch_ms, timestamp
from promptmill.events.envelope import accepted_event, outcome_event_id
from promptmill.jobs.intake import Intake, Replay, new_job, over_limit
from promptmill.jobs.model import ReplayMode
from promptmill.limits.gcra import Standing
from tests.support.builders import (
    AT,
    AT_MS,
    DAY_MS,
    OWNER,
    PROMPT,
    a_caller,
    a_policy,
    an_enhance_request,
    an_image_request,
    an_origin,
    plans_of,
)
from tests.unit.jobs.attempts import CONFIGURED
from tests.unit.jobs.fakes import FakeWorkflow, MemoryJobStore, MemoryRates, MemoryRecords

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from promptmill.jobs.requests import EnhanceJob, ImageJob

# One request per six seconds, three at once.
POLICY = a_policy(limit=10, period_seconds=60, burst=3)
PLAINLY_OVER_MS = AT_MS + POLICY.tolerance_ms + 1


def an_intake(
    *, jobs: MemoryJobStore | None = None, tat_ms: int | None = None, workflow: FakeWorkflow | None = None
) -> Intake:
    jobs = jobs if jobs is not None else MemoryJobStore()
    records = MemoryRecords(jobs)
    plans = plans_of(POLICY)
    return Intake(jobs, MemoryRates(tat_ms), workflow or FakeWorkflow(), records, plans, CONFIGURED, retention_days=90)


def submit(intake: Intake, request: EnhanceJob | ImageJob | None = None) -> tuple[Job, Standing]:
    submission = intake.submit(request or an_enhance_request(), a_caller(), an_origin(), at_ms=AT_MS)
    assert not submission.replayed
    return submission.job, submission.standing


def started(intake: Intake) -> dict[str, dict[str, Any]]:
    workflow = intake.workflow
    assert isinstance(workflow, FakeWorkflow)
    return workflow.started


def stored(intake: Intake) -> dict[str, Job]:
    jobs = intake.jobs
    assert isinstance(jobs, MemoryJobStore)
    return jobs.jobs


def test_an_accepted_job_is_stored_as_it_is_answered_and_its_execution_has_its_name() -> None:
    intake = an_intake()
    job, _ = submit(intake)
    assert stored(intake) == {job.id: job}
    assert list(started(intake)) == [job.id]


def test_a_new_job_is_queued_and_belongs_to_its_caller() -> None:
    job, _ = submit(an_intake(), an_enhance_request(metadata={"order": "7"}, deadline_seconds=30, tone="casual"))
    assert (job.status, job.kind, job.owner, job.created_at) == ("queued", "enhance", OWNER, AT)
    assert job.deadline_at == timestamp(AT_MS + 30_000)
    assert job.expires_at_seconds * 1000 == AT_MS + 90 * DAY_MS
    assert (job.input, job.metadata) == ({"prompt": PROMPT, "tone": "casual"}, {"order": "7"})
    assert (job.started_at, job.finished_at, job.result, job.error, job.cost) == (None, None, None, None, None)


def test_a_new_image_job_has_the_defaults_written_out() -> None:
    job = new_job(an_image_request(), a_caller(), an_origin(), at_ms=AT_MS, retention_days=1)
    assert job.input == {"prompt": "a red fox", "width": 1024, "height": 1024, "steps": 4, "n": 1}
    assert epoch_ms(job.deadline_at) - AT_MS == 300_000


def test_the_execution_gets_ids_the_limiters_numbers_the_deadline_and_the_first_event() -> None:
    intake = an_intake()
    job, _ = submit(intake, an_enhance_request(metadata={"order": "7"}))
    assert started(intake)[job.id] == {
        "job_id": job.id,
        "owner": OWNER,
        "correlation_id": job.correlation_id,
        "limits": {
            "subject": OWNER,
            "policy": "anonymous",
            "interval_ms": 6000,
            "tolerance_ms": 12_000,
            "concurrent_jobs": 100,
            "images_per_day": 100,
            "daily_nanousd": 10_000 * 10**9,
        },
        "reservation": {"day": AT[:10], "nanousd": job.reservation.nanousd, "images": 0},
        "deadline_ms": AT_MS + 300_000,
        "outcome_event_id": outcome_event_id(job.id),
        "event": accepted_event(job),
    }


@pytest.mark.parametrize(
    ("ahead_ms", "remaining"), [(None, 3), (-1, 3), (0, 3), (1, 2), (6000, 2), (6001, 1), (12_000, 1)]
)
def test_a_caller_who_is_not_plainly_over_the_limit_comes_in_and_learns_where_they_stood(
    ahead_ms: int | None, remaining: int
) -> None:
    intake = an_intake(tat_ms=None if ahead_ms is None else AT_MS + ahead_ms)
    _, standing = submit(intake)
    assert standing.remaining == remaining
    assert len(started(intake)) == 1


@pytest.mark.parametrize(("over_ms", "seconds"), [(1, 1), (999, 1), (1000, 1), (1001, 2), (6000, 6), (59_001, 60)])
def test_a_caller_who_is_over_the_limit_leaves_nothing_and_learns_when_to_come_back(over_ms: int, seconds: int) -> None:
    intake = an_intake(tat_ms=AT_MS + POLICY.tolerance_ms + over_ms)
    with pytest.raises(errors.RateLimited) as caught:
        submit(intake)
    assert caught.value.retry_after_seconds == seconds
    assert f"{seconds} seconds" in caught.value.detail
    assert (stored(intake), started(intake)) == ({}, {})


def test_coming_back_when_told_to_is_early_enough() -> None:
    tat_ms = PLAINLY_OVER_MS + 12_345
    with pytest.raises(errors.RateLimited) as caught:
        submit(an_intake(tat_ms=tat_ms))
    later_ms = AT_MS + caught.value.retry_after_seconds * 1000
    submission = an_intake(tat_ms=tat_ms).submit(an_enhance_request(), a_caller(), an_origin(), at_ms=later_ms)
    assert submission.job.status == "queued"


def test_a_refusal_always_asks_for_at_least_a_second() -> None:
    assert over_limit(Standing(remaining=0, reset_ms=0), POLICY).retry_after_seconds == 1


def test_the_rate_is_looked_up_for_the_caller_and_the_policy() -> None:
    rates = MemoryRates()
    submit(replace(an_intake(), rates=rates))
    assert rates.asked == [(OWNER, "anonymous")]


@pytest.mark.parametrize(
    "error", [errors.WorkflowUnavailable("down"), errors.BrokenContractError("the workflow refused: AccessDenied")]
)
def test_a_job_whose_execution_cannot_be_started_is_settled_and_the_caller_may_try_again(
    error: errors.PromptmillError,
) -> None:
    intake = an_intake(workflow=FakeWorkflow(error))
    with pytest.raises(errors.WorkflowUnavailable) as caught:
        submit(intake)
    assert caught.value.__cause__ is error
    assert caught.value.detail == "The job could not be started. Nothing was charged; please try again."
    (job,) = stored(intake).values()
    assert (job.status, job.finished_at) == ("failed", AT)
    assert job.error == {"code": "workflow_unavailable", "step": "StartExecution"}


def test_a_job_that_is_at_work_although_starting_it_seemed_to_fail_is_accepted() -> None:
    """Step Functions started it, its answer was lost, and the caller must not be told that nothing was charged."""
    jobs = MemoryJobStore()
    workflow = FakeWorkflow(
        errors.WorkflowUnavailable("no answer"),
        meanwhile=lambda job_id: jobs.begin(job_id, at=AT, step="AssemblePrompt"),
    )
    intake = an_intake(jobs=jobs, workflow=workflow)
    job, _ = submit(intake)
    assert stored(intake)[job.id].status == "running"


class BrokenStore(MemoryJobStore):
    def add(self, job: Job) -> None:
        raise errors.StoreUnavailable("down")


def test_nothing_is_started_when_nothing_could_be_stored() -> None:
    intake = an_intake(jobs=BrokenStore())
    with pytest.raises(errors.StoreUnavailable):
        submit(intake)
    assert started(intake) == {}


def test_a_limiter_that_cannot_be_read_lets_nobody_in() -> None:
    intake = replace(an_intake(), rates=MemoryRates(error=errors.StoreUnavailable("down")))
    with pytest.raises(errors.StoreUnavailable):
        submit(intake)
    assert (stored(intake), started(intake)) == ({}, {})


def test_every_job_has_an_id_of_its_own_and_later_ones_sort_after_it() -> None:
    request, caller = an_enhance_request(), a_caller()
    first = new_job(request, caller, an_origin(), at_ms=AT_MS, retention_days=1)
    twin = new_job(request, caller, an_origin(), at_ms=AT_MS, retention_days=1)
    later = new_job(request, caller, an_origin(), at_ms=AT_MS + 1, retention_days=1)
    assert first.id != twin.id
    assert max(first.id, twin.id) < later.id


LIVE, RECORDED = ReplayMode.LIVE, ReplayMode.RECORDED
SOURCE, OTHER_SOURCE = "job_01KAJ2E4Q0V5RZ8T3B6N7M9XWC", "job_01KAJ2E4Q0V5RZ8T3B6N7M9XWD"


def resubmit(first: Replay | None, second: Replay | None) -> bool:
    """Whether the second request under the key of the first is the same one."""
    intake = an_intake()
    origin = an_origin(idempotency_key="key-1")
    intake.submit(an_enhance_request(), a_caller(), origin, at_ms=AT_MS, replay=first)
    return intake.submit(an_enhance_request(), a_caller(), origin, at_ms=AT_MS, replay=second).replayed


@pytest.mark.parametrize("replay", [None, Replay(SOURCE, LIVE, OWNER), Replay(SOURCE, RECORDED, OWNER)])
def test_the_same_replay_under_the_same_key_is_the_same_job(replay: Replay | None) -> None:
    assert resubmit(replay, replay)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (None, Replay(SOURCE, LIVE, OWNER)),
        (Replay(SOURCE, LIVE, OWNER), None),
        (Replay(SOURCE, LIVE, OWNER), Replay(SOURCE, RECORDED, OWNER)),
        (Replay(SOURCE, LIVE, OWNER), Replay(OTHER_SOURCE, LIVE, OWNER)),
    ],
)
def test_another_source_or_mode_under_the_same_key_is_another_request(
    first: Replay | None, second: Replay | None
) -> None:
    with pytest.raises(errors.IdempotencyMismatch):
        resubmit(first, second)


def test_a_replay_names_its_source_and_its_mode() -> None:
    replay = Replay(SOURCE, RECORDED, OWNER)
    job = new_job(an_enhance_request(), a_caller(), an_origin(), at_ms=AT_MS, retention_days=1, replay=replay)
    assert (job.replay_of, job.replay_mode) == (SOURCE, RECORDED)
