"""What a listing promises. The one in memory is held to the same, so that tests may use it in the other's place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptmill.clock import new_id, random_hex, timestamp
from promptmill.jobs.listing.query import JobFilter
from promptmill.jobs.listing.store import EXAMINED, JobListing
from promptmill.jobs.model import KINDS, Job, JobStatus
from promptmill.jobs.store import JobStore
from tests.support.builders import AT_MS, a_call, a_job
from tests.unit.jobs.fakes import MemoryJobListing, MemoryJobStore

ALL = JobFilter()
QUEUED, FAILED = JobStatus.QUEUED, JobStatus.FAILED


@dataclass(frozen=True)
class Shelf:
    """Jobs of an owner no other test has, and a listing of them."""

    jobs: JobStore
    listing: JobListing
    owner: str

    def add(self, at_ms: int = AT_MS, status: str = "queued", **fields: Any) -> Job:
        defaults = {"id": new_id("job", at_ms), "created_at": timestamp(at_ms), "owner": self.owner}
        job = a_job(status, **{**defaults, **fields})
        self.jobs.add(job)
        return job

    def ids(self, job_filter: JobFilter = ALL, *, limit: int = 100, after: str | None = None) -> list[str]:
        page = self.listing.page(self.owner, job_filter, limit=limit, after=after, at_ms=AT_MS)
        return [job.id for job in page.entries]

    def walk(self, job_filter: JobFilter, *, limit: int, between: Callable[[], object] = lambda: None) -> list[Job]:
        """The jobs of all pages; ``between`` runs before each but the first."""
        found: list[Job] = []
        after = None
        while True:
            page = self.listing.page(self.owner, job_filter, limit=limit, after=after, at_ms=AT_MS)
            assert len(page.entries) <= limit
            found += page.entries
            if page.position is None:
                return found
            assert after is None or page.position < after
            after = page.position
            between()


MakeShelf = Callable[..., Shelf]


@pytest.fixture(scope="module", params=["dynamodb", "memory"])
def make_shelf(request: pytest.FixtureRequest, dynamodb: Any, jobs_table: str) -> MakeShelf:
    def make(examined: int = EXAMINED) -> Shelf:
        owner = f"ip_{random_hex(16)}"
        if request.param == "dynamodb":
            stores = JobStore(jobs_table, dynamodb), JobListing(jobs_table, dynamodb, examined=examined)
            return Shelf(*stores, owner)
        jobs = MemoryJobStore()
        return Shelf(jobs, MemoryJobListing(jobs, examined=examined), owner)

    return make


@pytest.fixture
def shelf(make_shelf: MakeShelf) -> Shelf:
    return make_shelf()


def test_an_owner_without_jobs_has_an_empty_page(shelf: Shelf) -> None:
    for job_filter in (ALL, JobFilter(QUEUED, "image", AT_MS)):
        page = shelf.listing.page(shelf.owner, job_filter, limit=1)
        assert (page.entries, page.position) == ((), None)


def test_jobs_come_whole_and_newest_first(shelf: Shelf) -> None:
    jobs = [shelf.add(AT_MS + n, status, kind=KINDS[n % 2]) for n, status in enumerate(JobStatus)]
    page = shelf.listing.page(shelf.owner, ALL, limit=100, at_ms=AT_MS)
    assert (page.entries, page.position) == (tuple(reversed(jobs)), None)


def test_what_else_is_stored_of_a_job_is_no_job(shelf: Shelf) -> None:
    job = shelf.add(status="running")
    shelf.jobs.put_request(job, {}, models=[])
    assert shelf.jobs.start_call(job, a_call(1), cost={"model_usd": "1", "estimated": True})
    assert shelf.ids() == [job.id]


def test_only_the_owners_jobs_are_listed_though_another_has_many(shelf: Shelf) -> None:
    for number in range(5):
        shelf.add(AT_MS + number, owner=f"{shelf.owner}0")
        shelf.add(AT_MS + number, owner=f"{shelf.owner[:-1]}x")
    mine = shelf.add()
    for job_filter in (ALL, JobFilter(status=QUEUED)):
        assert shelf.ids(job_filter, limit=1) == [mine.id]


@pytest.mark.parametrize("job_filter", [ALL, JobFilter(status=QUEUED), JobFilter(created_after_ms=0)])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_a_page_has_a_position_exactly_when_a_job_is_behind_it(shelf: Shelf, count: int, job_filter: JobFilter) -> None:
    for number in range(count):
        shelf.add(AT_MS + number)
    page = shelf.listing.page(shelf.owner, job_filter, limit=2, at_ms=AT_MS)
    assert len(page.entries) == min(count, 2)
    assert page.position == (page.entries[-1].id if count > 2 else None)


def test_a_hundred_jobs_fit_on_a_page(shelf: Shelf) -> None:
    jobs = [shelf.add(AT_MS + number) for number in range(101)]
    assert shelf.ids(limit=100) == [job.id for job in reversed(jobs)][:100]
    assert shelf.ids(limit=100, after=jobs[1].id) == [jobs[0].id]


def test_created_after_is_exclusive_to_the_millisecond(shelf: Shelf) -> None:
    jobs = [shelf.add(AT_MS + number) for number in (-1, 0, 0, 1, 2)]
    assert set(shelf.ids(JobFilter(created_after_ms=AT_MS - 1))) == {job.id for job in jobs[1:]}
    assert shelf.ids(JobFilter(created_after_ms=AT_MS)) == [jobs[4].id, jobs[3].id]
    assert shelf.ids(JobFilter(created_after_ms=AT_MS + 2)) == []
    for extreme in (-(10**13), 0):
        assert len(shelf.ids(JobFilter(created_after_ms=extreme))) == 5
    assert shelf.ids(JobFilter(created_after_ms=253_402_300_799_999)) == []


def test_what_is_too_old_is_not_behind_a_page(shelf: Shelf) -> None:
    wanted = shelf.add(AT_MS + 1)
    shelf.add(AT_MS)
    page = shelf.listing.page(shelf.owner, JobFilter(created_after_ms=AT_MS), limit=1, at_ms=AT_MS)
    assert (page.entries, page.position) == ((wanted,), None)


def test_a_status_is_looked_for_where_the_job_is_now(shelf: Shelf) -> None:
    job = shelf.add()
    shelf.jobs.begin(job.id, at=timestamp(AT_MS), step="AssemblePrompt")
    assert shelf.ids(JobFilter(status=QUEUED)) == []
    assert shelf.ids(JobFilter(status=JobStatus.RUNNING)) == [job.id]


def test_a_job_past_its_expiry_is_not_listed_even_before_it_is_deleted(shelf: Shelf) -> None:
    last_second, gone = AT_MS // 1000, AT_MS // 1000 - 1
    lasting = shelf.add(AT_MS - 9, expires_at_seconds=last_second)
    shelf.add(AT_MS - 8, expires_at_seconds=gone)
    assert shelf.ids() == [lasting.id]
    assert shelf.ids(JobFilter(status=QUEUED)) == [lasting.id]


def test_the_present_is_the_time_when_none_is_given(shelf: Shelf) -> None:
    shelf.add(AT_MS + 1, expires_at_seconds=1)
    lasting = shelf.add(expires_at_seconds=2**35)
    page = shelf.listing.page(shelf.owner, ALL, limit=10)
    assert page.entries == (lasting,)


def test_expired_jobs_fill_no_page_but_lead_on(shelf: Shelf) -> None:
    wanted = shelf.add()
    for number in range(1, 4):
        shelf.add(AT_MS + number, expires_at_seconds=1)
    first = shelf.listing.page(shelf.owner, ALL, limit=2, at_ms=AT_MS)
    assert first.entries == ()
    assert first.position is not None
    assert shelf.walk(ALL, limit=2) == [wanted]


def test_a_page_that_found_nothing_in_its_share_leads_on(make_shelf: MakeShelf) -> None:
    shelf = make_shelf(examined=3)
    wanted = shelf.add(status="failed")
    passed = [shelf.add(AT_MS + number) for number in range(1, 5)]
    first = shelf.listing.page(shelf.owner, JobFilter(status=FAILED), limit=10, at_ms=AT_MS)
    assert (first.entries, first.position) == ((), passed[1].id)
    assert shelf.walk(JobFilter(status=FAILED), limit=10) == [wanted]


def test_a_page_with_a_filter_examines_at_most_its_share(shelf: Shelf) -> None:
    oldest = shelf.add(kind="image")
    for number in range(1, EXAMINED + 1):
        shelf.add(AT_MS + number)
    assert shelf.ids(JobFilter(kind="image")) == []
    assert shelf.walk(JobFilter(kind="image"), limit=5) == [oldest]


def test_a_page_goes_on_behind_a_job_that_was_deleted_meanwhile(shelf: Shelf) -> None:
    """As when the last job of a page is past its expiry before the next page is asked for."""
    older, newer = shelf.add(AT_MS), shelf.add(AT_MS + 2)
    assert shelf.ids(after=new_id("job", AT_MS + 1)) == [older.id]
    assert shelf.ids(after=new_id("job", AT_MS + 3)) == [newer.id, older.id]


made = st.tuples(
    st.integers(0, 5), st.sampled_from(["queued", "failed", "succeeded"]), st.sampled_from(KINDS), st.booleans()
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stored=st.lists(made, max_size=16),
    limit=st.integers(1, 6),
    examined=st.integers(1, 8),
    job_filter=st.builds(
        JobFilter,
        st.none() | st.sampled_from([QUEUED, FAILED]),
        st.none() | st.sampled_from(KINDS),
        st.none() | st.integers(AT_MS - 1, AT_MS + 5),
    ),
)
def test_walking_the_pages_gives_each_matching_job_once_newest_first_whatever_is_added_meanwhile(
    make_shelf: MakeShelf,
    stored: list[tuple[int, str, str, bool]],
    limit: int,
    examined: int,
    job_filter: JobFilter,
) -> None:
    shelf = make_shelf(examined=examined)
    there = [
        shelf.add(AT_MS + at, status, kind=kind, owner=shelf.owner if mine else f"{shelf.owner}0")
        for at, status, kind, mine in stored
    ]
    mine = [job for job in there if job.owner == shelf.owner and job_filter.matches(job)]
    expected = sorted(mine, key=lambda job: job.id, reverse=True)
    newer = {"status": job_filter.status or "queued", "kind": job_filter.kind or "enhance"}
    assert shelf.walk(job_filter, limit=limit, between=lambda: shelf.add(AT_MS + 100, **newer)) == expected


def test_jobs_are_read_whosever_they_are_and_those_that_are_gone_are_not_among_them(shelf: Shelf) -> None:
    mine, theirs = shelf.add(), shelf.add(owner=f"ip_{random_hex(16)}")
    gone = new_id("job", AT_MS)
    assert shelf.listing.read([mine.id, gone, theirs.id]) == {mine.id: mine, theirs.id: theirs}
    assert shelf.listing.read([]) == {}
