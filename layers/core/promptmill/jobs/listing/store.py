"""An owner's jobs, newest first: one query of the index and one read of the jobs it names."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.clock import first_id, now_ms
from promptmill.gateway import EDGE_ATTEMPTS, aws_client, read_together, store_errors
from promptmill.jobs.records import job_of, key, owner_pk, pk
from promptmill.paging import Page
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptmill.jobs.listing.query import JobFilter
    from promptmill.jobs.model import Job

INDEX = "gsi1"
# DynamoDB filters after it has read, and charges for what it read: entries of some 200 bytes, 4 KB for half a unit.
EXAMINED = 250


class JobListing:
    """``examined`` is how many entries of the index a page with a status or a kind looks at."""

    def __init__(self, table: str, client: Any, *, examined: int = EXAMINED) -> None:
        self._table = table
        self._client = client
        self._examined = examined

    def page(
        self, owner: str, job_filter: JobFilter, *, limit: int, after: str | None = None, at_ms: int | None = None
    ) -> Page[Job]:
        """At most ``limit`` of the owner's jobs that match, behind the job ``after``.

        The index is eventually consistent and does not know when a job expires, so what it names is read and looked at
        again: a page may hold fewer jobs than ``limit``, even none, while there is a ``position``. So it may with a
        status or a kind, when it has examined its share. Raises ``StoreUnavailable``.
        """
        at_seconds = (now_ms() if at_ms is None else at_ms) // 1000
        with store_errors():
            answer = self._client.query(**self._query(owner, job_filter, limit=limit, after=after))
            named = [_job_id(entry) for entry in answer["Items"]]
            stored = self.read(named[:limit])
        jobs = (stored[job_id] for job_id in named[:limit] if job_id in stored)
        return Page(
            tuple(
                job
                for job in jobs
                if job.owner == owner and job.expires_at_seconds >= at_seconds and job_filter.matches(job)
            ),
            position=_position(named, answer.get("LastEvaluatedKey"), limit=limit),
        )

    def _query(self, owner: str, job_filter: JobFilter, *, limit: int, after: str | None) -> dict[str, Any]:
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": INDEX,
            "KeyConditionExpression": "gsi1pk = :owner",
            "ExpressionAttributeValues": {":owner": {"S": owner_pk(owner)}},
            "ScanIndexForward": False,
            # One more than is shown, to know whether it is the last.
            "Limit": limit + 1,
        }
        if job_filter.created_after_ms is not None:
            first = first_id("job", job_filter.created_after_ms + 1)
            query["KeyConditionExpression"] += " AND gsi1sk >= :first"
            query["ExpressionAttributeValues"][":first"] = {"S": pk(first)}
        filtered = (("status", job_filter.status), ("kind", job_filter.kind))
        wanted = {name: str(value) for name, value in filtered if value is not None}
        if wanted:
            query["Limit"] = self._examined
            query["FilterExpression"] = " AND ".join(f"#{name} = :{name}" for name in wanted)
            query["ExpressionAttributeNames"] = {f"#{name}": name for name in wanted}
            query["ExpressionAttributeValues"] |= {f":{name}": {"S": value} for name, value in wanted.items()}
        if after is not None:
            entry = {"gsi1pk": {"S": owner_pk(owner)}, "gsi1sk": {"S": pk(after)}}
            query["ExclusiveStartKey"] = {**key(after, "JOB"), **entry}
        return query

    def read(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """Of at most 100 jobs those that are there, by id, whosever they are; raises ``StoreUnavailable``."""
        items = read_together(self._client, self._table, [key(job_id, "JOB") for job_id in job_ids])
        return {job.id: job for job in map(job_of, items)}


@cache
def job_listing() -> JobListing:
    """This process's store."""
    (table,) = settings().require("jobs_table")
    return JobListing(table, aws_client("dynamodb", attempts=EDGE_ATTEMPTS))


def _position(named: Sequence[str], last_examined: dict[str, Any] | None, *, limit: int) -> str | None:
    if len(named) > limit:
        return named[limit - 1]
    return _job_id(last_examined) if last_examined else None


def _job_id(entry: dict[str, Any]) -> str:
    return str(entry["gsi1sk"]["S"]).removeprefix("JOB#")
