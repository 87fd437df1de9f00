"""What is done with the jobs of a user who left, and when nothing is left of them."""

from __future__ import annotations

from typing import Any

import pytest

from promptmill.artifacts.store import artifact_key
from promptmill.jobs.erasure.eraser import PAGE_SIZE
from promptmill.jobs.erasure.judgement import QUIET_MS, Verdict, judge
from promptmill.jobs.model import Job, JobStatus
from tests.support.builders import AT_MS, OTHER_OWNER, OWNER, a_job
from tests.unit.jobs.erasing import Leaving

TERMINAL = [status for status in JobStatus if status.is_terminal]
# The builder's jobs end 900 ms after their birth.
QUIET_AT_MS = AT_MS + 900 + QUIET_MS


def a_closed_job(status: str = "succeeded", **fields: Any) -> Job:
    return a_job(status, due_at=None, **fields)


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_job_that_is_not_over_is_canceled_however_old_it_is(status: str) -> None:
    assert judge(a_closed_job(status), AT_MS + 10**12) is Verdict.CANCEL


@pytest.mark.parametrize("status", TERMINAL)
def test_a_job_is_erased_once_no_step_of_it_can_be_at_work(status: str) -> None:
    job = a_closed_job(status)
    assert judge(job, QUIET_AT_MS) is Verdict.ERASE
    assert judge(job, QUIET_AT_MS - 1) is Verdict.WAIT


@pytest.mark.parametrize("status", TERMINAL)
def test_a_job_whose_event_is_not_out_is_waited_for(status: str) -> None:
    assert judge(a_job(status), QUIET_AT_MS + 10**9) is Verdict.WAIT


def test_what_is_over_is_erased_with_its_artifacts_and_nobody_elses_is() -> None:
    leaving = Leaving()
    leaving.has(a_closed_job())
    theirs = leaving.has(a_closed_job(owner=OTHER_OWNER))
    for owner in (OWNER, OTHER_OWNER):
        leaving.artifacts.put_once(artifact_key(owner, "job_x", "img_x.png"), b"x", "image/png")
    assert leaving.eraser.erase(OWNER, at_ms=QUIET_AT_MS) is True
    assert leaving.jobs == {theirs.id}
    assert set(leaving.artifacts.objects) == {artifact_key(OTHER_OWNER, "job_x", "img_x.png")}
    assert leaving.forgotten == leaving.without_figures == [OWNER]


def test_only_a_call_that_finds_nothing_says_that_nothing_is_left() -> None:
    leaving = Leaving()
    leaving.has(a_closed_job())
    assert [leaving.eraser.erase(OWNER, at_ms=QUIET_AT_MS) for _ in range(3)] == [True, False, False]


def test_a_user_with_a_webhook_is_not_gone() -> None:
    leaving = Leaving(webhooks_left=[True, True])
    assert [leaving.eraser.erase(OWNER, at_ms=AT_MS) for _ in range(3)] == [True, True, False]


def test_an_artifact_that_no_job_names_remains_until_it_is_gone_too() -> None:
    leaving = Leaving()
    leaving.artifacts.put_once(artifact_key(OWNER, "job_x", "img_x.png"), b"x", "image/png")
    assert [leaving.eraser.erase(OWNER, at_ms=AT_MS) for _ in range(2)] == [True, False]


def test_a_job_the_index_still_names_remains_though_it_is_gone() -> None:
    leaving = Leaving()
    leaving.store.stale.append(a_job().id)
    assert leaving.eraser.erase(OWNER, at_ms=AT_MS) is True
    leaving.store.stale.clear()
    assert leaving.eraser.erase(OWNER, at_ms=AT_MS) is False


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_job_that_is_at_work_is_canceled_announced_and_erased_when_it_has_come_to_rest(status: str) -> None:
    leaving = Leaving()
    job = leaving.has(a_job(status, expires_at_seconds=2**33))
    assert leaving.eraser.erase(OWNER, at_ms=AT_MS) is True
    assert leaving.world.now(job).status is JobStatus.CANCELED
    assert leaving.world.bus.names == ["job.canceled"]
    assert leaving.eraser.erase(OWNER, at_ms=AT_MS + QUIET_MS - 1) is True
    assert leaving.jobs == {job.id}
    assert leaving.eraser.erase(OWNER, at_ms=AT_MS + QUIET_MS) is True
    assert leaving.jobs == set()
    assert leaving.eraser.erase(OWNER, at_ms=AT_MS + QUIET_MS) is False
    assert leaving.world.bus.names == ["job.canceled"]


def test_a_job_that_goes_by_itself_while_it_is_canceled_remains_for_the_next_call() -> None:
    """Past its expiry it is nobody's to cancel, and DynamoDB deletes it."""
    leaving = Leaving()
    job = leaving.has(a_job("running", expires_at_seconds=AT_MS // 1000 - 1))
    assert leaving.eraser.erase(OWNER, at_ms=AT_MS) is True
    assert leaving.jobs == {job.id}


def test_a_call_takes_one_page_and_the_next_goes_on() -> None:
    leaving = Leaving()
    for _ in range(PAGE_SIZE + 1):
        leaving.has(a_closed_job())
    assert leaving.eraser.erase(OWNER, at_ms=QUIET_AT_MS) is True
    assert len(leaving.jobs) == 1
    assert leaving.eraser.erase(OWNER, at_ms=QUIET_AT_MS) is True
    assert leaving.eraser.erase(OWNER, at_ms=QUIET_AT_MS) is False
