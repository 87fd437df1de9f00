"""The rollups in DynamoDB, and which events they have.

- ``EVENT#<event id>`` / ``ANALYTICS``: the event is counted, on the day ``day``. It outlives the event in the archive,
  so that a replay, however late, counts nothing twice.
- ``OWNER#<owner>`` / ``<day>#<kind>#<model>#<status>#<prompt version>``: a row of one owner.
- ``ALL#<shard>`` / the same: a row of everybody in the shard.
- ``ARCHIVED`` / ``<day>``: what was known of a day before its rows were erased to be made anew.

``archived_until``, of a row and of a day, is the last day on which a rebuild of it may begin from the archive, by what
held at the first.

Every method raises ``StoreUnavailable`` when DynamoDB does not answer as it should.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.analytics.recording import marker_expires_at_seconds
from promptmill.analytics.rollup import (
    EVERYBODY_SHARDS,
    Row,
    archived_until,
    everybodys_shard,
    expires_at_seconds,
    row_key_of,
)
from promptmill.clock import pause_up_to
from promptmill.errors import StoreUnavailable
from promptmill.gateway import EDGE_ATTEMPTS, aws_client, delete_items, error_code, store_errors, tries
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from promptmill.analytics.rollup import FinishedJob

MARKER = "ANALYTICS"
ARCHIVED = "ARCHIVED"
# How often a transaction is tried that meets another one on a row they share. A batch in which all meet others is over
# in 16 seconds.
TRIES = 6

Key = dict[str, dict[str, str]]


class RollupStore:
    def __init__(self, table: str, client: Any, *, pause: Callable[[float], None] = pause_up_to) -> None:
        self._table = table
        self._client = client
        self._pause = pause

    def count(self, job: FinishedJob, *, at_ms: int, retention_days: int) -> bool:
        """Adds a job to its owner's row and to everybody's, in one transaction; False when its event was counted.

        ``retention_days`` is how long the archive keeps events now.
        """
        marker = {
            "pk": {"S": f"EVENT#{job.event_id}"},
            "sk": {"S": MARKER},
            "day": {"S": job.row.key.day},
            "expires_at": {"N": str(marker_expires_at_seconds(at_ms=at_ms, retention_days=retention_days))},
        }
        actions = [
            {"Put": {"TableName": self._table, "Item": marker, "ConditionExpression": "attribute_not_exists(pk)"}},
            self._add(owner_pk(job.owner), job.row, retention_days),
            self._add(everybody_pk(everybodys_shard(job.owner)), job.row, retention_days),
        ]
        with store_errors():
            for _ in tries(TRIES, self._pause):
                refusals = self._write(actions)
                if not refusals:
                    return True
                if "ConditionalCheckFailed" in refusals:
                    return False
                if refusals != {"TransactionConflict"}:
                    break
        raise StoreUnavailable(f"the transaction was canceled: {sorted(refusals)}")

    def owners_rows(self, owner: str, *, first_day: str, last_day: str) -> Iterator[Row]:
        """The owner's rows of these days, both included."""
        return self._rows(owner_pk(owner), first_day, last_day)

    def everybodys_rows(self, *, first_day: str, last_day: str) -> Iterator[Row]:
        """Everybody's rows of these days, both included, some of them for the same key."""
        for shard in range(EVERYBODY_SHARDS):
            yield from self._rows(everybody_pk(shard), first_day, last_day)

    def archived_days(self, *, first_day: str) -> dict[str, str]:
        """Each known day from a day on, and its ``archived_until``, by its rows and by those that were erased."""
        last_days: dict[str, str] = {}
        for pk in (ARCHIVED, *map(everybody_pk, range(EVERYBODY_SHARDS))):
            query = {
                "KeyConditionExpression": "pk = :pk AND sk >= :first",
                "ExpressionAttributeValues": {":pk": {"S": pk}, ":first": {"S": first_day}},
                "ProjectionExpression": "sk, archived_until",
            }
            for item in (item for page in self._pages(query) for item in page):
                day, until = item["sk"]["S"].partition("#")[0], item["archived_until"]["S"]
                last_days[day] = min(until, last_days.get(day, until))
        return last_days

    def keep_archived_days(self, *, first_day: str) -> None:
        """Has ``archived_days`` say of the days from a day on what it says now, when their rows are gone."""
        for day, until in self.archived_days(first_day=first_day).items():
            item = {
                "pk": {"S": ARCHIVED},
                "sk": {"S": day},
                "archived_until": {"S": until},
                "expires_at": {"N": str(expires_at_seconds(day))},
            }
            with store_errors():
                self._client.put_item(TableName=self._table, Item=item)

    def forget(self, owner: str) -> None:
        """Deletes the owner's rows. Everybody's keep the sums, which say nothing of who it was."""
        query = {
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": owner_pk(owner)}},
            "ProjectionExpression": "pk, sk",
        }
        for page in self._pages(query):
            self.delete(page)

    def delete(self, keys: Sequence[Key]) -> None:
        delete_items(self._client, self._table, keys, pause=self._pause)

    def _add(self, pk: str, row: Row, retention_days: int) -> dict[str, Any]:
        added = [name for name, number in row.counters.items() if number]
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"pk": {"S": pk}, "sk": {"S": row.key.text}},
                "UpdateExpression": "SET expires_at = :expires_at,"
                " archived_until = if_not_exists(archived_until, :archived_until) ADD "
                + ", ".join(f"#{name} :{name}" for name in added),
                "ExpressionAttributeNames": {f"#{name}": name for name in added},
                "ExpressionAttributeValues": {
                    ":expires_at": {"N": str(expires_at_seconds(row.key.day))},
                    ":archived_until": {"S": archived_until(row.key.day, retention_days)},
                    **{f":{name}": {"N": str(row.counters[name])} for name in added},
                },
            }
        }

    def _write(self, actions: list[dict[str, Any]]) -> set[str]:
        """Writes all or nothing; why it was nothing, empty when it was all."""
        from botocore.exceptions import ClientError

        try:
            self._client.transact_write_items(TransactItems=actions)
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise
            codes = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            return {str(code) for code in codes - {None, "None"}}
        return set()

    def _rows(self, pk: str, first_day: str, last_day: str) -> Iterator[Row]:
        # A row of the day after is behind that day's own name.
        end = (date.fromisoformat(last_day) + timedelta(days=1)).isoformat()
        query = {
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :end",
            "ExpressionAttributeValues": {":pk": {"S": pk}, ":first": {"S": first_day}, ":end": {"S": end}},
        }
        for page in self._pages(query):
            yield from map(_row_of, page)

    def _pages(self, query: dict[str, Any]) -> Iterator[list[Any]]:
        while True:
            with store_errors():
                answer = self._client.query(TableName=self._table, ConsistentRead=True, **query)
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            query = {**query, "ExclusiveStartKey": answer["LastEvaluatedKey"]}


def owner_pk(owner: str) -> str:
    return f"OWNER#{owner}"


def everybody_pk(shard: int) -> str:
    return f"ALL#{shard}"


def _row_of(item: dict[str, Any]) -> Row:
    numbers = {name: int(value["N"]) for name, value in item.items() if "N" in value and name != "expires_at"}
    return Row(row_key_of(item["sk"]["S"]), Counter(numbers))


@cache
def rollup_store() -> RollupStore:
    """This process's store."""
    (table,) = settings().require("analytics_table")
    return RollupStore(table, aws_client("dynamodb", attempts=EDGE_ATTEMPTS))
