"""Finding jobs: which are looked at, and which of them are found."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from operations.job_search import JobQuery, find_jobs
from promptmill.clock import timestamp
from promptmill.jobs.execution.gateway import Start
from promptmill.jobs.model import Job, JobStatus
from tests.support.builders import AT_MS, OTHER_OWNER, OWNER, TEXT_USAGE, a_job_id
from tests.unit.operations.stage import Stage

MINUTE_MS = 60_000


class Searched(Stage):
    """``looked_at`` are how many jobs each read brought."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at: list[int] = []
        self._made = 0

    def has_next(self, status: str = "succeeded", execution: str | None = "SUCCEEDED", **fields: Any) -> Job:
        """A job that was made a minute after the one before it."""
        self._made += 1
        at_ms = AT_MS + self._made * MINUTE_MS
        return self.has(
            status, execution=execution, **{"id": a_job_id(at_ms), "created_at": timestamp(at_ms), **fields}
        )

    def search(self, **query: Any) -> Iterator[Job]:
        return find_jobs(self.deployment, JobQuery(**query), at_ms=AT_MS, looked_at=self.looked_at.append)

    def found(self, **query: Any) -> list[Job]:
        return list(self.search(**query))


def statuses(*names: str) -> frozenset[JobStatus]:
    return frozenset(map(JobStatus, names))


def test_jobs_of_everybody_are_found_newest_first() -> None:
    stage = Searched()
    jobs = [
        stage.has_next(),
        stage.has_next("failed", "FAILED", owner=OTHER_OWNER),
        stage.has_next("running", "RUNNING"),
    ]
    assert stage.found() == jobs[::-1]


def test_executions_that_began_at_about_the_same_time_do_not_change_the_order() -> None:
    stage = Searched()
    jobs = [stage.has_next(), stage.has_next()]
    stage.executions.started.reverse()
    assert stage.found() == jobs[::-1]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"kind": "image"}, [3]),
        ({"statuses": statuses("succeeded")}, [0, 1, 3]),
        ({"statuses": statuses("failed", "canceled")}, [2]),
        ({"model": "nova-2-lite"}, [0, 1]),
        ({"model": "nova-pro"}, [2]),
        ({"since_ms": AT_MS + 3 * MINUTE_MS}, [2, 3]),
        ({"until_ms": AT_MS + 3 * MINUTE_MS}, [0, 1]),
        ({"owner": OTHER_OWNER}, [1]),
        ({"owner": OTHER_OWNER, "kind": "image"}, []),
        ({"owner": OWNER}, [0, 2, 3]),
        ({"owner": OWNER, "statuses": statuses("succeeded")}, [0, 3]),
        ({"owner": OWNER, "statuses": statuses("succeeded", "failed")}, [0, 2, 3]),
        ({"owner": OWNER, "since_ms": AT_MS + 3 * MINUTE_MS, "until_ms": AT_MS + 4 * MINUTE_MS}, [2]),
    ],
)
def test_only_jobs_that_match_are_found(query: dict[str, Any], wanted: list[int]) -> None:
    stage = Searched()
    jobs = [
        stage.has_next(),
        stage.has_next(owner=OTHER_OWNER),
        stage.has_next("failed", "FAILED", input={"prompt": "x", "model": "nova-pro"}),
        stage.has_next(kind="image", usage={**TEXT_USAGE, "model": "flux-schnell"}),
    ]
    assert stage.found(**query) == [jobs[index] for index in reversed(wanted)]


@pytest.mark.parametrize("execution", [None, "RUNNING", "ABORTED"])
def test_a_job_that_is_not_over_is_found_whatever_became_of_its_execution(execution: str | None) -> None:
    stage = Searched()
    job = stage.has_next("queued", execution)
    stage.has_next("running", "RUNNING")
    assert stage.found(statuses=statuses("queued")) == [job]
    assert stage.executions.pages_asked == 0


def test_open_jobs_of_all_shards_are_found_newest_first_and_those_only_to_be_announced_are_not() -> None:
    stage = Searched()
    jobs = [stage.has_next("running", "RUNNING") for _ in range(20)]
    stage.has_next("succeeded", "RUNNING")
    assert stage.found(statuses=statuses("running", "queued")) == jobs[::-1]


def test_for_jobs_that_cannot_have_succeeded_no_job_is_read_whose_execution_did() -> None:
    stage = Searched()
    failed = stage.has_next("failed", "FAILED")
    for _ in range(3):
        stage.has_next()
    assert stage.found(statuses=statuses("failed", "expired")) == [failed]
    assert stage.looked_at == [1]
    assert len(stage.found(statuses=statuses("failed", "succeeded"))) == 4


def test_no_more_executions_are_listed_than_are_needed() -> None:
    stage = Searched()
    for _ in range(300):
        stage.has_next()
    assert len(list(islice(stage.search(), 5))) == 5
    assert stage.looked_at == [100]
    pages = stage.executions.pages_asked
    assert pages == 50
    stage.found(since_ms=AT_MS + 299 * MINUTE_MS)
    assert stage.executions.pages_asked - pages == 2


@pytest.mark.parametrize("owner", [None, OWNER])
def test_jobs_that_are_too_new_are_not_read(owner: str | None) -> None:
    stage = Searched()
    oldest = stage.has_next()
    for _ in range(150):
        stage.has_next()
    assert stage.found(owner=owner, until_ms=AT_MS + 2 * MINUTE_MS) == [oldest]
    assert stage.looked_at == [1]


def test_all_pages_of_an_owner_are_read() -> None:
    stage = Searched()
    jobs = [stage.has_next() for _ in range(250)]
    assert stage.found(owner=OWNER) == jobs[::-1]
    assert stage.looked_at == [100, 100, 50]


def test_jobs_past_their_expiry_are_not_found() -> None:
    stage = Searched()
    stage.has_next(expires_at_seconds=AT_MS // 1000 - 1)
    stage.has_next("queued", None, expires_at_seconds=AT_MS // 1000 - 1)
    assert stage.found() == []
    assert stage.found(statuses=statuses("queued")) == []


def test_executions_that_are_no_jobs_or_whose_jobs_are_gone_are_passed_over() -> None:
    stage = Searched()
    job = stage.has_next()
    stage.executions.started[:0] = [Start("by-hand", "RUNNING", AT_MS), Start(a_job_id(), "SUCCEEDED", AT_MS)]
    assert stage.found() == [job]
