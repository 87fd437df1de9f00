"""The statuses of a job."""

from __future__ import annotations

import pytest

from promptmill.jobs.model import JobStatus
from tests.support.builders import PROMPT, a_job

TERMINAL = {"succeeded", "failed", "rejected", "canceled", "expired"}


def test_the_statuses_are_those_of_the_contract() -> None:
    assert {status.value for status in JobStatus} == {"queued", "running", *TERMINAL}


@pytest.mark.parametrize("status", list(JobStatus))
def test_a_job_ends_in_every_status_but_queued_and_running(status: JobStatus) -> None:
    assert status.is_terminal is (status.value in TERMINAL)


def test_a_jobs_events_are_numbered_in_the_order_it_lives() -> None:
    assert {status.value: status.sequence for status in JobStatus} == {
        "queued": 1,
        "running": 2,
        "succeeded": 3,
        "failed": 3,
        "rejected": 3,
        "canceled": 3,
        "expired": 3,
    }


def test_what_callers_wrote_is_not_in_a_jobs_repr() -> None:
    job = a_job("succeeded", metadata={"note": "private words"})
    shown = repr(job)
    assert job.id in shown
    assert PROMPT not in shown
    assert "private words" not in shown
    assert "letter" not in shown
