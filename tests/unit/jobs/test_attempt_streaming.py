"""A provider step passes its text on while it comes, to those who asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptmill import errors
from promptmill.jobs.ledger import CallStatus
from promptmill.jobs.streaming.events import Chunk
from promptmill.providers.rules import RulesProvider
from tests.support.builders import PROMPT
from tests.unit.jobs.attempts import OTHER_TEXT_MODEL, a_text_answer, assembled, attempt, failing, rows, stored
from tests.unit.jobs.chunks import MemoryChunks
from tests.unit.jobs.fakes import FakeProvider, MemoryJobStore

if TYPE_CHECKING:
    from promptmill.jobs.model import Job

PIECES = ["Write ", "a firm, ", "polite letter."]


def streamed(jobs: MemoryJobStore, **fields: Any) -> Job:
    return assembled(jobs, input={"prompt": PROMPT, "stream": True}, **fields)


def written(chunks: MemoryChunks) -> list[Chunk]:
    return [chunk for _, chunk in sorted(chunks.chunks.items())]


def test_the_text_of_a_streamed_job_is_passed_on_whole() -> None:
    jobs = MemoryJobStore()
    chunks, job = MemoryChunks(jobs), streamed(jobs)
    attempt(jobs, job, FakeProvider(a_text_answer("".join(PIECES)), pieces=PIECES), chunks=chunks)
    assert written(chunks) == [Chunk(1, 1, "Write "), Chunk(1, 2, "a firm, polite letter.")]


@pytest.mark.parametrize("stream", [False, None])
def test_the_text_of_another_job_is_not(stream: bool | None) -> None:  # noqa: FBT001
    jobs = MemoryJobStore()
    chunks, job = MemoryChunks(jobs), assembled(jobs, input={"prompt": PROMPT, "stream": stream})
    attempt(jobs, job, FakeProvider(a_text_answer(), pieces=PIECES), chunks=chunks)
    assert written(chunks) == []


class Watched(MemoryChunks):
    """Every chunk is written while its call is still open."""

    def put(self, job: Job, chunk: Chunk) -> None:
        super().put(job, chunk)
        (call,) = [call for (of, number), call in self._jobs.calls.items() if (of, number) == (job.id, chunk.call)]
        assert call.status is CallStatus.STARTED
        assert self._jobs.jobs[job.id].result is None


def test_all_of_the_text_is_there_before_the_call_is_settled() -> None:
    jobs = MemoryJobStore()
    chunks, job = Watched(jobs), streamed(jobs)
    attempt(jobs, job, FakeProvider(a_text_answer("".join(PIECES)), pieces=PIECES), chunks=chunks)
    assert "".join(chunk.text for chunk in written(chunks)) == "".join(PIECES)
    assert stored(jobs, job).result is not None


def test_a_second_call_writes_beside_the_first() -> None:
    jobs = MemoryJobStore()
    chunks, job = MemoryChunks(jobs), streamed(jobs)
    with pytest.raises(errors.ProviderStreamBroken):
        attempt(jobs, job, FakeProvider(failing(errors.ProviderStreamBroken), pieces=PIECES), chunks=chunks)
    whole = FakeProvider(a_text_answer("".join(PIECES)), pieces=PIECES)
    attempt(jobs, job, whole, model=OTHER_TEXT_MODEL, chunks=chunks)
    # What the first call had not yet written when it failed is no one's answer.
    assert written(chunks) == [Chunk(1, 1, "Write "), Chunk(2, 1, "Write "), Chunk(2, 2, "a firm, polite letter.")]


class DownChunks(MemoryChunks):
    def put(self, job: Job, chunk: Chunk) -> None:
        raise errors.StoreUnavailable


def test_a_job_whose_text_cannot_be_passed_on_gets_its_result_all_the_same() -> None:
    jobs = MemoryJobStore()
    job = streamed(jobs)
    attempt(jobs, job, FakeProvider(a_text_answer(), pieces=PIECES), chunks=DownChunks(jobs))
    assert stored(jobs, job).result is not None
    assert [row["status"] for row in rows(jobs, job)] == ["succeeded"]


def test_the_rules_pass_their_text_on_too() -> None:
    jobs = MemoryJobStore()
    chunks, job = MemoryChunks(jobs), streamed(jobs)
    attempt(jobs, job, RulesProvider(), model="rules", step="EnhanceByRules", chunks=chunks)
    (chunk,) = written(chunks)
    assert (stored(jobs, job).result or {})["text"] in chunk.text
