"""What a store gives to replay a job: its request, its ledger, what was answered. The one in memory gives the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from promptmill import errors
from tests.integration.test_job_store import with_call
from tests.support.builders import AT_MS, COST, OTHER_OWNER, OWNER, TEXT_RESULT, TEXT_USAGE, a_call, a_job_id

if TYPE_CHECKING:
    from promptmill.jobs.store import JobStore


def test_the_answer_of_a_long_text_is_kept_whole(jobs: JobStore) -> None:
    job = with_call(jobs)
    paid = a_call(1, "succeeded", answer={"text": "é" * 100_000})
    assert jobs.finish_call(job, paid, cost=COST, result=TEXT_RESULT, usage=TEXT_USAGE)
    assert jobs.load_work(job.id).calls == (paid,)


def test_its_owner_reads_a_job_that_is_to_be_replayed_with_its_request_and_its_ledger(jobs: JobStore) -> None:
    job = with_call(jobs)
    jobs.put_request(job, {"form": "text"}, models=["nova-2-lite", "rules"])
    assert jobs.load_source(job.id, OWNER, at_ms=AT_MS) == jobs.load_work(job.id)


def test_a_job_that_is_anothers_or_past_its_expiry_or_never_was_is_none_to_replay(jobs: JobStore) -> None:
    job = with_call(jobs)
    jobs.put_request(job, {"form": "text"}, models=[])
    last_ms = job.expires_at_seconds * 1000
    assert jobs.load_source(job.id, OWNER, at_ms=last_ms).job == job
    for job_id, owner, at_ms in (
        (job.id, OTHER_OWNER, AT_MS),
        (job.id, OWNER, last_ms + 1000),
        (a_job_id(), OWNER, AT_MS),
    ):
        with pytest.raises(errors.JobNotFound):
            jobs.load_source(job_id, owner, at_ms=at_ms)


def test_for_any_owner_every_job_is_there_until_it_expires(jobs: JobStore) -> None:
    job = with_call(jobs)
    last_ms = job.expires_at_seconds * 1000
    assert jobs.get(job.id, None, at_ms=last_ms) == jobs.load_source(job.id, None, at_ms=last_ms).job == job
    for job_id, at_ms in ((job.id, last_ms + 1000), (a_job_id(), AT_MS)):
        with pytest.raises(errors.JobNotFound):
            jobs.get(job_id, None, at_ms=at_ms)
        with pytest.raises(errors.JobNotFound):
            jobs.load_source(job_id, None, at_ms=at_ms)
