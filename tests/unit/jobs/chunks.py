"""Text chunks in memory, with the promises of the real store; ``tests/integration`` holds both to them."""

from __future__ import annotations

from promptmill.jobs.model import Job
from promptmill.jobs.streaming.events import RUNNING, Chunk, Place
from promptmill.jobs.streaming.store import ChunkStore
from tests.unit.jobs.fakes import MemoryJobStore


class MemoryChunks(ChunkStore):
    """The text chunks of the jobs in a store, in a dictionary."""

    def __init__(self, jobs: MemoryJobStore) -> None:
        self._jobs = jobs
        self.chunks: dict[tuple[str, int, int], Chunk] = {}

    def put(self, job: Job, chunk: Chunk) -> None:
        self.chunks[job.id, chunk.call, chunk.index] = chunk

    def look(
        self, job_id: str, owner: str | None, *, after: Place | None = None, at_ms: int | None = None
    ) -> tuple[Job, tuple[Chunk, ...]]:
        job = self._jobs.get(job_id, owner, at_ms=at_ms)
        found = [chunk for (of, *_), chunk in sorted(self.chunks.items()) if of == job_id]
        return job, tuple(chunk for chunk in found if (*RUNNING, chunk.call, chunk.index) > (after or ()))
