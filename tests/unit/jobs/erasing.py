"""What a user is erased with, in memory; ``tests/integration`` runs the same over the stores themselves."""

from __future__ import annotations

from dataclasses import dataclass, field

from promptmill.jobs.erasure.eraser import Eraser
from promptmill.jobs.erasure.store import ErasureStore
from promptmill.jobs.model import Job
from tests.unit.jobs.fakes import MemoryArtifacts, MemoryJobStore
from tests.unit.jobs.settling import World


class MemoryErasureStore(ErasureStore):
    """The jobs of a ``MemoryJobStore``. ``stale`` are ids the index still has of jobs that are gone."""

    def __init__(self, jobs: MemoryJobStore) -> None:
        self._jobs = jobs
        self.stale: list[str] = []

    def jobs_of(self, owner: str, *, limit: int) -> list[str]:
        found = [*self.stale, *(job.id for job in self._jobs.jobs.values() if job.owner == owner)]
        return sorted(found)[:limit]

    def erase_job(self, job_id: str, owner: str) -> None:
        if self._jobs.jobs[job_id].owner == owner:
            del self._jobs.jobs[job_id]


@dataclass
class Leaving:
    """An eraser over parts in memory, and the parts."""

    world: World = field(default_factory=World)
    artifacts: MemoryArtifacts = field(default_factory=MemoryArtifacts)
    forgotten: list[str] = field(default_factory=list)
    without_figures: list[str] = field(default_factory=list)
    webhooks_left: list[bool] = field(default_factory=list)
    """What each call finds of webhooks; nothing once it is used up."""

    def __post_init__(self) -> None:
        self.store = MemoryErasureStore(self.world.jobs)

    @property
    def eraser(self) -> Eraser:
        return Eraser(
            self.store,
            self.artifacts,
            self.world.settlement,
            self.forgotten.append,
            self.without_figures.append,
            lambda _owner, _at_ms: self.webhooks_left.pop(0) if self.webhooks_left else False,
        )

    def has(self, job: Job) -> Job:
        return self.world.has(job)

    @property
    def jobs(self) -> set[str]:
        return set(self.world.jobs.jobs)
