"""The text chunks of a job in DynamoDB, beside it: key ``JOB#<id>``, ``CHUNK#<call>#<index>``, both zero-padded."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.clock import now_ms
from promptmill.errors import JobNotFound
from promptmill.gateway import aws_client, store_errors
from promptmill.jobs.reach import Reach
from promptmill.jobs.records import job_of, key, pk
from promptmill.jobs.streaming.events import RUNNING, Chunk
from promptmill.settings import settings

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from promptmill.jobs.records import Item
    from promptmill.jobs.streaming.events import Place

_CHUNKS = "CHUNK#"
_JOB = "JOB"
# A paid call is under way while its text is written: a table that hangs must not hold it up.
WRITE_TIMEOUT_SECONDS = 1


class ChunkStore:
    """Every method raises ``StoreUnavailable`` when DynamoDB does not answer as it should."""

    def __init__(self, table: str, client: Any) -> None:
        self._table = table
        self._client = client

    def put(self, job: Job, chunk: Chunk) -> None:
        """Writes a chunk; the same one twice is harmless. It goes when its job does."""
        with store_errors():
            self._client.put_item(
                TableName=self._table,
                Item={
                    **key(job.id, _sort_key(chunk.call, chunk.index)),
                    "owner": {"S": job.owner},
                    "text": {"S": chunk.text},
                    "expires_at": {"N": str(job.expires_at_seconds)},
                },
            )

    def look(
        self, job_id: str, owner: str | None, *, after: Place | None = None, at_ms: int | None = None
    ) -> tuple[Job, tuple[Chunk, ...]]:
        """The owner's job, or anybody's for None, with its chunks after this place of its stream, or all, in order.

        One consistent query. What it reads first may be older than what it reads last, so the chunks of a job that it
        finds over, and which passed text on, are looked for once more: all were written before the end. Raises
        ``JobNotFound`` as ``JobStore.get`` does.
        """
        start = _start(after)
        reach = Reach(owner, (now_ms() if at_ms is None else at_ms) // 1000)
        items = self._query(job_id, reach, start)
        job = _job_of(items)
        if job.status.is_terminal and job.input.get("stream") and start < _JOB:
            seen = items[:-1]
            items = seen + self._query(job_id, reach, _next(seen[-1]["sk"]["S"]) if seen else start)
            job = _job_of(items)
        return job, tuple(_chunk_of(item) for item in items[:-1])

    def _query(self, job_id: str, reach: Reach, start: str) -> list[Item]:
        """What is within reach of the job from this sort key to the job itself."""
        items: list[Item] = []
        more: dict[str, Any] | None = {}
        while more is not None:
            with store_errors():
                page = self._client.query(
                    TableName=self._table,
                    KeyConditionExpression="pk = :pk AND sk BETWEEN :start AND :job",
                    ExpressionAttributeValues={
                        ":pk": {"S": pk(job_id)},
                        ":start": {"S": start},
                        ":job": {"S": _JOB},
                        **reach.values,
                    },
                    ConsistentRead=True,
                    **reach.filter(reach.condition),
                    **more,
                )
            items += page["Items"]
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if "LastEvaluatedKey" in page else None
        return items


@cache
def chunk_store(*, attempts: int = 1) -> ChunkStore:
    """This process's store for readers; ``attempts`` of each call, the first one too."""
    (table,) = settings().require("jobs_table")
    return ChunkStore(table, aws_client("dynamodb", attempts=attempts))


@cache
def chunk_writing_store() -> ChunkStore:
    """This process's store for the one who writes while a call is under way."""
    (table,) = settings().require("jobs_table")
    return ChunkStore(table, aws_client("dynamodb", read_timeout_seconds=WRITE_TIMEOUT_SECONDS))


def _sort_key(call: int, index: int) -> str:
    return f"{_CHUNKS}{call:04d}#{index:06d}"


def _start(after: Place | None) -> str:
    """Where what comes after a place begins."""
    match after:
        case (_, call, index):
            return _next(_sort_key(call, index))
        case None:
            return _CHUNKS
        case _:
            return _JOB if after > RUNNING else _CHUNKS


def _next(sort_key: str) -> str:
    """Just after a chunk and before every other."""
    return f"{sort_key}#"


def _job_of(items: list[Item]) -> Job:
    if not items or items[-1]["sk"]["S"] != _JOB:
        raise JobNotFound
    return job_of(items[-1])


def _chunk_of(item: Item) -> Chunk:
    _, call, index = item["sk"]["S"].split("#")
    return Chunk(int(call), int(index), item["text"]["S"])
