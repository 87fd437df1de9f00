"""Text chunks beside their job: one read per look, in order, their owner's alone, and none missed at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptmill import errors
from promptmill.jobs.store import JobStore
from promptmill.jobs.streaming.events import Chunk
from promptmill.jobs.streaming.store import ChunkStore
from tests.integration.tables import client
from tests.support.builders import AT, AT_MS, COST, OTHER_OWNER, OWNER, a_call, a_job, a_job_id
from tests.unit.jobs.chunks import MemoryChunks
from tests.unit.jobs.fakes import MemoryJobStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptmill.jobs.model import Job

ONE, TWO, OTHER_CALL = Chunk(1, 1, "Grüße\n"), Chunk(1, 2, ""), Chunk(2, 1, "👋")


@pytest.fixture
def chunks(jobs: JobStore, dynamodb: Any, jobs_table: str) -> ChunkStore:
    """The store, and the one in memory that other tests use in its place."""
    return MemoryChunks(jobs) if isinstance(jobs, MemoryJobStore) else ChunkStore(jobs_table, dynamodb)


def look(chunks: ChunkStore, job: Job, **options: Any) -> tuple[Job, tuple[Chunk, ...]]:
    return chunks.look(job.id, OWNER, **{"at_ms": AT_MS, **options})


def with_chunks(jobs: JobStore, chunks: ChunkStore, *written: Chunk, status: str = "running") -> Job:
    job = a_job(status)
    jobs.add(job)
    for chunk in written:
        chunks.put(job, chunk)
    return job


def test_a_look_gives_the_job_and_its_chunks_in_order(jobs: JobStore, chunks: ChunkStore) -> None:
    job = with_chunks(jobs, chunks, OTHER_CALL, TWO, ONE)
    assert look(chunks, job) == (job, (ONE, TWO, OTHER_CALL))


def test_indexes_and_calls_are_ordered_as_numbers(jobs: JobStore, chunks: ChunkStore) -> None:
    written = [Chunk(call, index, "x") for call in (1, 2, 10, 9999) for index in (1, 2, 10, 999_999)]
    job = with_chunks(jobs, chunks, *reversed(written))
    assert look(chunks, job)[1] == tuple(written)
    for position, chunk in enumerate(written):
        assert look(chunks, job, after=(2, chunk.call, chunk.index))[1] == tuple(written[position + 1 :])


@pytest.mark.parametrize(
    ("after", "newer"),
    [
        (None, (ONE, TWO, OTHER_CALL)),
        ((1,), (ONE, TWO, OTHER_CALL)),
        ((2,), (ONE, TWO, OTHER_CALL)),
        ((2, 1, 1), (TWO, OTHER_CALL)),
        ((2, 1, 2), (OTHER_CALL,)),
        ((2, 1, 500), (OTHER_CALL,)),
        ((2, 2, 1), ()),
        ((3,), ()),
        ((4,), ()),
    ],
)
def test_a_look_gives_what_comes_after_a_place(
    jobs: JobStore, chunks: ChunkStore, after: tuple[int, ...] | None, newer: tuple[Chunk, ...]
) -> None:
    job = with_chunks(jobs, chunks, ONE, TWO, OTHER_CALL)
    assert look(chunks, job, after=after) == (job, newer)


def test_a_chunk_written_twice_is_one(jobs: JobStore, chunks: ChunkStore) -> None:
    job = with_chunks(jobs, chunks, ONE, ONE)
    assert look(chunks, job)[1] == (ONE,)


@pytest.mark.parametrize("after", [None, (2, 1, 1), (4,)])
def test_another_owners_job_is_not_found_and_neither_is_one_that_does_not_exist(
    jobs: JobStore, chunks: ChunkStore, after: tuple[int, ...] | None
) -> None:
    job = with_chunks(jobs, chunks, ONE, TWO)
    for job_id, owner in ((job.id, OTHER_OWNER), (a_job_id(), OWNER)):
        with pytest.raises(errors.JobNotFound):
            chunks.look(job_id, owner, after=after, at_ms=AT_MS)


def test_for_any_owner_a_job_is_found_until_it_expires(jobs: JobStore, chunks: ChunkStore) -> None:
    job = with_chunks(jobs, chunks, ONE)
    assert chunks.look(job.id, None, at_ms=AT_MS) == (job, (ONE,))
    with pytest.raises(errors.JobNotFound):
        chunks.look(job.id, None, at_ms=(job.expires_at_seconds + 1) * 1000)


def test_a_job_past_its_expiry_is_not_found_though_it_is_still_stored(jobs: JobStore, chunks: ChunkStore) -> None:
    job = with_chunks(jobs, chunks, ONE)
    ends_ms = job.expires_at_seconds * 1000
    assert look(chunks, job, at_ms=ends_ms) == (job, (ONE,))
    with pytest.raises(errors.JobNotFound):
        look(chunks, job, at_ms=ends_ms + 1000)


def test_chunks_are_not_in_the_way_of_the_jobs_work(jobs: JobStore, chunks: ChunkStore) -> None:
    job = with_chunks(jobs, chunks, ONE)
    jobs.put_request(job, {"form": "text"}, models=["rules"])
    assert jobs.start_call(job, a_call(1), cost=COST)
    chunks.put(job, OTHER_CALL)
    work = jobs.load_work(job.id)
    assert (work.job.cost, work.request, work.models, len(work.calls)) == (COST, {"form": "text"}, ("rules",), 1)
    assert look(chunks, job) == (work.job, (ONE, OTHER_CALL))


class Queries:
    """Counts what AWS bills, and does something before the query with this number."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.before: dict[int, Callable[[], object]] = {}

    def __call__(self, *, model: Any, **_: Any) -> None:
        self.names.append(model.name)
        if happens := self.before.pop(len(self.names), None):
            happens()


@pytest.fixture
def counted(aws: None, jobs_table: str) -> Iterator[tuple[ChunkStore, Queries]]:
    counting, made = client("dynamodb"), Queries()
    counting.meta.events.register("before-call.dynamodb", made)
    yield ChunkStore(jobs_table, counting), made
    counting.close()


@pytest.mark.parametrize("after", [None, (1,), (2, 1, 1), (4,)])
@pytest.mark.parametrize("status", ["running", "succeeded"])
def test_a_look_is_one_query_and_a_write_one_put(
    counted: tuple[ChunkStore, Queries], dynamodb_store: JobStore, status: str, after: tuple[int, ...] | None
) -> None:
    chunks, made = counted
    job = with_chunks(dynamodb_store, chunks, ONE, TWO, status=status)
    look(chunks, job, after=after)
    assert made.names == ["PutItem", "PutItem", "Query"]


def large_chunks(count: int = 8) -> list[Chunk]:
    """300 KB each: a page takes three of them."""
    return [Chunk(1, index, f"{index}" * 300_000) for index in range(1, count + 1)]


def test_text_of_more_than_a_page_is_read_whole(counted: tuple[ChunkStore, Queries], dynamodb_store: JobStore) -> None:
    chunks, made = counted
    written = large_chunks()
    job = with_chunks(dynamodb_store, chunks, *written)
    made.names.clear()
    assert look(chunks, job) == (job, tuple(written))
    assert made.names.count("Query") > 1
    assert dynamodb_store.load_work(job.id).job == job


def test_a_chunk_and_the_end_that_come_between_two_pages_come_together(
    counted: tuple[ChunkStore, Queries], dynamodb_store: JobStore
) -> None:
    """A chunk of an earlier call is written and the job ends when the page the chunk belongs to was read already."""
    chunks, made = counted
    written = large_chunks()
    job = with_chunks(dynamodb_store, chunks, *written)
    made.names.clear()
    last = Chunk(1, 9, "the end")

    def write_the_last_and_finish() -> None:
        chunks.put(queued, last)
        dynamodb_store.settle_unstarted(queued.id, at=AT, error={"code": "workflow_unavailable"})

    # The job's own page is the last one; whatever is written before it must be seen once the job is.
    queued = with_chunks(dynamodb_store, chunks, *written, status="queued")
    made.names.clear()
    made.before[3] = write_the_last_and_finish
    seen, found = look(chunks, queued)
    assert seen.status == "failed"
    assert found == (*written, last)
    assert look(chunks, job)[1] == tuple(written)
