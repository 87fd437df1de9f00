"""A listing when DynamoDB answers what moto never does: an index that is behind, keys left unread, refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from botocore.config import Config
from botocore.stub import Stubber

from promptmill import errors
from promptmill.jobs.listing.query import JobFilter
from promptmill.jobs.listing.store import JobListing
from promptmill.jobs.model import Job, JobStatus
from promptmill.jobs.records import job_item, key
from promptmill.paging import Page
from tests.integration.tables import client
from tests.support.builders import AT_MS, OTHER_OWNER, OWNER, a_job, a_job_id

TABLE = "jobs"
QUEUED = JobFilter(status=JobStatus.QUEUED)


def page(
    named: Sequence[Job], *reads: tuple[Sequence[Job], Sequence[Job]], job_filter: JobFilter = QUEUED
) -> Page[Job]:
    """The page when the index names these jobs and each read gives (jobs, jobs left unread)."""
    stubbed = client("dynamodb")
    asked = [key(job.id, "JOB") for job in named]
    with Stubber(stubbed) as stub:
        stub.add_response("query", {"Items": [job_item(job) for job in named], "Count": len(named)})
        for read, unread in reads:
            left = [key(job.id, "JOB") for job in unread]
            stub.add_response(
                "batch_get_item",
                {
                    "Responses": {TABLE: [job_item(job) for job in read]},
                    "UnprocessedKeys": {TABLE: {"Keys": left, "ConsistentRead": True}} if left else {},
                },
                {"RequestItems": {TABLE: {"Keys": asked, "ConsistentRead": True}}},
            )
            asked = left
        found = JobListing(TABLE, stubbed).page(OWNER, job_filter, limit=10, at_ms=AT_MS)
        stub.assert_no_pending_responses()
    return found


def test_jobs_are_in_the_order_of_the_index_however_they_are_read() -> None:
    jobs = [a_job(id=a_job_id(AT_MS - n)) for n in range(3)]
    assert page(jobs, (jobs[::-1], [])).entries == tuple(jobs)


def test_an_index_that_names_nothing_is_not_read_further() -> None:
    assert page([]).entries == ()


CHANGES: dict[str, Callable[[Job], Job]] = {
    "has moved on": lambda job: replace(job, status=JobStatus.RUNNING),
    "is another owner's": lambda job: replace(job, owner=OTHER_OWNER),
    "is another kind": lambda job: replace(job, kind="image"),
    "is past its expiry": lambda job: replace(job, expires_at_seconds=AT_MS // 1000 - 1),
    "is as old as asked": lambda job: replace(job, created_at="2026-11-21T09:59:59.999Z"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_job_the_index_is_behind_on_is_not_shown_where_it_does_not_belong(change: str) -> None:
    job, changed = a_job(), a_job()
    asked = JobFilter(JobStatus.QUEUED, "enhance", AT_MS - 1)
    found = page([job, changed], ([job, CHANGES[change](changed)], []), job_filter=asked)
    assert found.entries == (job,)


def test_a_job_the_index_still_names_after_it_was_deleted_is_not_shown() -> None:
    job, deleted = a_job(), a_job()
    assert page([job, deleted], ([job], [])).entries == (job,)


def test_what_a_read_leaves_is_read_again() -> None:
    first, second, third = (a_job(id=a_job_id(AT_MS - n)) for n in range(3))
    found = page([first, second, third], ([second], [first, third]), ([], [first, third]), ([third, first], []))
    assert found.entries == (first, second, third)


def refused(operation: str, code: str) -> None:
    stubbed: Any = client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(stubbed) as stub:
        if operation == "batch_get_item":
            stub.add_response("query", {"Items": [job_item(a_job())]})
        stub.add_client_error(operation, code)
        JobListing(TABLE, stubbed).page(OWNER, JobFilter(), limit=1)


@pytest.mark.parametrize("operation", ["query", "batch_get_item"])
def test_a_list_says_when_it_may_be_tried_again_and_when_a_permission_is_missing(operation: str) -> None:
    with pytest.raises(errors.StoreUnavailable):
        refused(operation, "ProvisionedThroughputExceededException")
    with pytest.raises(errors.BrokenContractError):
        refused(operation, "AccessDeniedException")
