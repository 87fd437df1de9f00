"""Finding jobs of everybody, or of one owner, newest first, without reading the whole table.

An owner's jobs are found through the owner's index. Jobs that are not over are found through the index of open jobs:
those too that have no execution, or one that ended without them. All others are found through their executions, which
Step Functions lists for 90 days; a job that was never started has none, and is found as its owner's. So is a job that
was ended from outside and whose execution could not be stopped, where only jobs are asked for that did not succeed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from operations.pages import pages
from promptmill.clock import epoch_ms, first_id, is_id, timestamp
from promptmill.jobs.execution.history import ExecutionStatus
from promptmill.jobs.listing.query import JobFilter
from promptmill.jobs.model import JobStatus
from promptmill.jobs.records import OPEN_SHARDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from operations.deployment import Deployment
    from promptmill.jobs.model import Job

OPEN = frozenset({JobStatus.QUEUED, JobStatus.RUNNING})
# Their executions end in Fail or are stopped, but for one that neither who settled the job nor it itself could stop: it
# ends in JobAlreadySettled. To find that one too, every job that succeeded would have to be read.
_NEVER_SUCCEED = frozenset({JobStatus.FAILED, JobStatus.CANCELED, JobStatus.EXPIRED})
_PAGE = 100
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class JobQuery:
    """The jobs that are asked for; None, and no status, is any. ``since_ms`` is inclusive, ``until_ms`` exclusive."""

    statuses: frozenset[JobStatus] = frozenset()
    kind: str | None = None
    owner: str | None = None
    model: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def matches(self, job: Job) -> bool:
        created_ms = epoch_ms(job.created_at)
        return (
            (not self.statuses or job.status in self.statuses)
            and self.kind in {None, job.kind}
            and self.owner in {None, job.owner}
            and self.model in {None, model_of(job)}
            and (self.since_ms is None or created_ms >= self.since_ms)
            and (self.until_ms is None or created_ms < self.until_ms)
        )


def model_of(job: Job) -> str | None:
    """The alias of the model that answered; of a job without an answer, of the one it asked for, if it did."""
    model = job.usage["model"] if job.usage else job.input.get("model")
    return None if model is None else str(model)


def find_jobs(
    deployment: Deployment, query: JobQuery, *, at_ms: int, looked_at: Callable[[int], None]
) -> Iterator[Job]:
    """The jobs that match and are not past their expiry; ``looked_at`` is told how many more were examined.

    Raises ``StoreUnavailable`` and ``WorkflowUnavailable``.
    """
    if query.owner is not None:
        pages = _of_owner(deployment, query, query.owner, at_ms=at_ms)
    elif query.statuses and query.statuses <= OPEN:
        pages = _read(deployment, _open_ids(deployment, at_ms))
    else:
        pages = _read(deployment, _started_ids(deployment, query))
    for page in pages:
        looked_at(len(page))
        yield from (job for job in page if job.expires_at_seconds >= at_ms // 1000 and query.matches(job))


def _of_owner(deployment: Deployment, query: JobQuery, owner: str, *, at_ms: int) -> Iterator[Sequence[Job]]:
    job_filter = JobFilter(
        status=next(iter(query.statuses)) if len(query.statuses) == 1 else None,
        kind=query.kind,
        created_after_ms=None if query.since_ms is None else query.since_ms - 1,
    )
    return pages(
        lambda after: deployment.listing.page(owner, job_filter, limit=_PAGE, after=after, at_ms=at_ms),
        after=None if query.until_ms is None else first_id("job", query.until_ms),
    )


def _open_ids(deployment: Deployment, at_ms: int) -> list[str]:
    """The ids of all open jobs, newest first: each is due within a day."""
    until = timestamp(at_ms + _DAY_MS)
    shards = (deployment.settling.due(shard, until, page_size=_PAGE) for shard in range(OPEN_SHARDS))
    return sorted((job_id for shard in shards for page in shard for job_id in page), reverse=True)


def _started_ids(deployment: Deployment, query: JobQuery) -> Iterator[str]:
    """The jobs of the time that is asked for whose executions did not succeed where the job cannot have."""
    fruitless = bool(query.statuses) and query.statuses <= _NEVER_SUCCEED
    until = None if query.until_ms is None else first_id("job", query.until_ms)
    for page in deployment.executions.starts():
        for start in page:
            if query.since_ms is not None and start.started_ms < query.since_ms:
                # A job is stored before it is started.
                return
            if not is_id("job", start.name) or (until is not None and start.name >= until):
                continue
            if not (fruitless and start.status == ExecutionStatus.SUCCEEDED):
                yield start.name


def _read(deployment: Deployment, job_ids: Iterable[str]) -> Iterator[Sequence[Job]]:
    """The jobs with these ids that are there, a read at a time."""
    page: list[str] = []
    for job_id in job_ids:
        page.append(job_id)
        if len(page) == _PAGE:
            yield _jobs(deployment, page)
            page = []
    if page:
        yield _jobs(deployment, page)


def _jobs(deployment: Deployment, job_ids: Sequence[str]) -> list[Job]:
    """Newest first, which executions that began at about the same time are not."""
    return [job for _, job in sorted(deployment.listing.read(job_ids).items(), reverse=True)]
