"""The rollups made anew from the archive of events, in steps that may each be done again.

Events are counted once, by the markers of ``promptmill.analytics.store``. So the consumer rests while rows and markers
are erased together; then the archive's events and those that came meanwhile are counted, in any order and however often
they come.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from promptmill.analytics.store import MARKER
from promptmill.clock import epoch_ms, now_ms, timestamp
from promptmill.errors import Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptmill.analytics.store import RollupStore
    from promptmill.identity.users.store import UserStore

POLL_SECONDS = 1
# How much later than the event's own time an event may be in the archive:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html
ARCHIVE_DELAY_SECONDS = 600
# An event's time on the bus is later than the end it tells of, unless clocks differ.
CLOCKS_DIFFER_MS = 60_000
_OVER = {"COMPLETED", "CANCELLED", "FAILED"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the events and the rollups of a stage are."""

    table: str
    archive: str
    bus_arn: str
    rule_arn: str
    queue_url: str
    mapping_id: str


class Rebuild:
    """Every method raises botocore's errors, and those of the stores."""

    def __init__(
        self,
        place: Place,
        rollups: RollupStore,
        users: UserStore,
        client: Callable[[str], Any],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``client`` makes the client of an AWS service."""
        self._place = place
        self._rollups = rollups
        self._users = users
        self._client = client
        self._sleep = sleep

    def first_whole_day(self) -> str:
        """The first day of which the archive still has every event."""
        archive = self._client("events").describe_archive(ArchiveName=self._place.archive)
        return first_whole_day(archive["CreationTime"], archive.get("RetentionDays", 0), at_ms=now_ms())

    def totals(self, first_day: str) -> Counter[str]:
        """The sum of everybody's rows from a day on."""
        total: Counter[str] = Counter()
        for row in self._rollups.everybodys_rows(first_day=first_day, last_day=timestamp(now_ms())[:10]):
            total.update(row.counters)
        return total

    def pause(self) -> None:
        """Returns once the consumer takes no more messages and has none in hand."""
        self._set_consumer(enabled=False)
        while self._waiting("ApproximateNumberOfMessagesNotVisible"):
            self._sleep(POLL_SECONDS)

    def resume(self) -> None:
        self._set_consumer(enabled=True)

    def settle(self, seconds: int) -> None:
        """Waits until the archive has what was counted before the pause."""
        self._sleep(seconds)

    def erase(self, first_day: str) -> None:
        """Deletes the rows from a day on, and the markers of the events in them. Nothing else of the table."""
        pages = self._client("dynamodb").get_paginator("scan").paginate(
            TableName=self._place.table,
            ProjectionExpression="pk, sk",
            FilterExpression="(begins_with(pk, :event) AND sk = :marker AND #day >= :day)"
            " OR ((begins_with(pk, :owner) OR begins_with(pk, :all)) AND sk >= :day)",
            ExpressionAttributeNames={"#day": "day"},
            ExpressionAttributeValues={
                ":event": {"S": "EVENT#"},
                ":marker": {"S": MARKER},
                ":owner": {"S": "OWNER#"},
                ":all": {"S": "ALL#"},
                ":day": {"S": first_day},
            },
        )  # fmt: skip
        for page in pages:
            self._rollups.delete(page["Items"])

    def start_replay(self, first_day: str) -> str:
        """Has the archive send the events from a day on to the consumer's queue once more; the replay's name."""
        at_ms = now_ms()
        name = f"promptmill-analytics-{first_day}-{at_ms}"
        begins_ms = epoch_ms(f"{first_day}T00:00:00Z") - CLOCKS_DIFFER_MS
        events = self._client("events")
        events.start_replay(
            ReplayName=name,
            EventSourceArn=events.describe_archive(ArchiveName=self._place.archive)["ArchiveArn"],
            EventStartTime=datetime.fromtimestamp(begins_ms / 1000, UTC),
            EventEndTime=datetime.fromtimestamp(at_ms / 1000, UTC),
            Destination={"Arn": self._place.bus_arn, "FilterArns": [self._place.rule_arn]},
        )
        return name

    def follow(self, replay: str) -> Iterator[str]:
        """The state of the replay again and again, until it is over and nothing is left in the queue."""
        empty = 0
        while True:
            state = str(self._client("events").describe_replay(ReplayName=replay)["State"])
            yield state
            if state in _OVER - {"COMPLETED"}:
                return
            # SQS counts approximately.
            empty = empty + 1 if state in _OVER and not self._waiting() else 0
            if empty > 1:
                return
            self._sleep(POLL_SECONDS)

    def forget_who_left(self, first_day: str) -> None:
        """Deletes what the archive has brought back of users who were deleted."""
        pages = self._client("dynamodb").get_paginator("scan").paginate(
            TableName=self._place.table,
            ProjectionExpression="pk",
            FilterExpression="begins_with(pk, :user) AND sk >= :day",
            ExpressionAttributeValues={":user": {"S": "OWNER#usr_"}, ":day": {"S": first_day}},
        )  # fmt: skip
        owners = {item["pk"]["S"].removeprefix("OWNER#") for page in pages for item in page["Items"]}
        for owner in sorted(owners):
            try:
                self._users.get(owner)
            except Unauthenticated:
                self._rollups.forget(owner)

    def _set_consumer(self, *, enabled: bool) -> None:
        functions, wanted = self._client("lambda"), "Enabled" if enabled else "Disabled"
        functions.update_event_source_mapping(UUID=self._place.mapping_id, Enabled=enabled)
        while functions.get_event_source_mapping(UUID=self._place.mapping_id)["State"] != wanted:
            self._sleep(POLL_SECONDS)

    def _waiting(self, *counts: str) -> int:
        """How many messages the queue has: all of them, or those of the counts that are named."""
        wanted = counts or ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        answer = self._client("sqs").get_queue_attributes(QueueUrl=self._place.queue_url, AttributeNames=list(wanted))
        return sum(int(answer["Attributes"][name]) for name in wanted)


def first_whole_day(created_at: datetime, retention_days: int, *, at_ms: int) -> str:
    """The first day of which an archive of this age has every event. It keeps them for ever with 0 days.

    It counts as whole on the day it was made: nothing was published before.
    """
    made_on = created_at.astimezone(UTC).date()
    if not retention_days:
        return made_on.isoformat()
    kept_from = date.fromisoformat(timestamp(at_ms)[:10]) - timedelta(days=retention_days - 1)
    return max(made_on, kept_from).isoformat()
