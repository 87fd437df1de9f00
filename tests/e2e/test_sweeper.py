"""The deployed sweeper finishes what an execution left behind, once, however often it is called."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from promptmill.clock import now_ms, timestamp
from promptmill.jobs.model import Job, JobStatus
from promptmill.jobs.store import JobStore
from tests.support.api import eventually
from tests.support.jobs import a_job, state_of
from tests.support.outcomes import ended_execution, outcomes
from tests.support.published import check_bus_event
from tests.support.sweeper import LONG_AGO_MS, late_job, sweep

if TYPE_CHECKING:
    from local.stack import Stack


@pytest.fixture
def jobs(stack: Stack) -> JobStore:
    return JobStore(stack.jobs_table, stack.client("dynamodb"))


def left_behind(jobs: JobStore, status: JobStatus = JobStatus.QUEUED, **fields: str) -> Job:
    """A job of ten minutes ago that the sweeper has to look at now."""
    born_ms = now_ms() - LONG_AGO_MS
    job = replace(
        a_job(),
        status=status,
        created_at=timestamp(born_ms),
        deadline_at=timestamp(born_ms + 30_000),
        due_at=timestamp(born_ms + 120_000),
        **fields,  # type: ignore[arg-type]
    )
    jobs.add(job)
    return job


def swept(stack: Stack, jobs: JobStore, job: Job) -> Job:
    """The job once it is closed, by this run or by the schedule's."""
    sweep(stack)

    def closed() -> Job | None:
        found = jobs.load_work(job.id).job
        return found if found.due_at is None else None

    return eventually(closed)


def test_a_job_that_was_never_started_is_failed_and_announced_once(stack: Stack, jobs: JobStore) -> None:
    job = left_behind(jobs)
    settled = swept(stack, jobs, job)
    assert settled.status is JobStatus.FAILED
    assert settled.error == {"code": "workflow_unavailable", "step": "StartExecution"}
    (event,) = outcomes(stack, job.id)
    assert event["detail-type"] == "job.failed"
    check_bus_event(event)
    sweep(stack)
    assert jobs.load_work(job.id).job == settled
    assert len(outcomes(stack, job.id)) == 1


def test_a_job_whose_execution_was_stopped_from_outside_expires(stack: Stack, jobs: JobStore) -> None:
    job = left_behind(jobs, JobStatus.RUNNING, step="InvokeBedrock", started_at=timestamp(now_ms() - LONG_AGO_MS))
    stepfunctions = stack.client("stepfunctions")
    arn = stepfunctions.start_execution(
        stateMachineArn=stack.state_machine_arn, name=job.id, input=json.dumps(state_of(job))
    )["executionArn"]
    stepfunctions.stop_execution(executionArn=arn, error="Operator", cause="Stopped by hand.")
    assert ended_execution(stack, job.id)["status"] == "ABORTED"
    settled = swept(stack, jobs, job)
    assert settled.status is JobStatus.EXPIRED
    assert settled.error == {"code": "deadline_passed", "step": "InvokeBedrock"}
    (event,) = outcomes(stack, job.id)
    assert event["detail-type"] == "job.expired"
    check_bus_event(event)
    assert event["detail"]["data"]["duration_ms"] >= LONG_AGO_MS


def test_an_execution_that_is_late_is_stopped_and_its_job_expires(stack: Stack, jobs: JobStore) -> None:
    job = late_job(stack, jobs)
    settled = swept(stack, jobs, job)
    assert (settled.status, settled.error) == (
        JobStatus.EXPIRED,
        {"code": "deadline_passed", "step": "InvokeBedrock"},
    )
    execution = ended_execution(stack, job.id)
    assert (execution["status"], execution.get("error")) == ("ABORTED", "DeadlinePassed")


def test_two_sweepers_at_once_make_one_end_of_each_job(stack: Stack, jobs: JobStore) -> None:
    left = [left_behind(jobs) for _ in range(8)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(sweep, [stack] * 2))
    for job in left:
        settled = swept(stack, jobs, job) if jobs.load_work(job.id).job.due_at else jobs.load_work(job.id).job
        assert settled.status is JobStatus.FAILED
        events = outcomes(stack, job.id)
        assert {event["detail"]["metadata"]["occurred_at"] for event in events} == {settled.finished_at}
