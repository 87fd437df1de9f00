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

import click

from operations.rebuild_lock import RebuildLock
from promptmill.analytics.rollup import row_key_of
from promptmill.analytics.store import MARKER
from promptmill.clock import epoch_ms, now_ms, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from promptmill.analytics.store import RollupStore
    from promptmill.identity.users.store import UserStore

POLL_SECONDS = 1
# How much later than the event's own time an event may be in the archive:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html
ARCHIVE_DELAY_SECONDS = 600
# For how long SQS may count wrong after the last message was sent:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/confirm-queue-is-empty.html
QUEUE_DELAY_SECONDS = 60
# How long AnalyticsQueue has a message that fails tried, in the template: five times, three minutes apart.
TRIED_SECONDS = 5 * 180
CLOCKS_DIFFER_MS = 60_000
"""By how much clocks may differ. An event's time on the bus is later than the end it tells of, but for that."""
# How long it is known of a user that they left: statemachines/deletion.asl.json.
TOMBSTONE_DAYS = 90
_REPLAYS = "promptmill-analytics-"
_IF_KILLED = "If none is at work, run the command with --resume."
_OVER = {"COMPLETED", "CANCELLED", "FAILED"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the events and the rollups of a stage are."""

    table: str
    archive: str
    bus_arn: str
    rule_arn: str
    queue_url: str
    dead_letters_url: str
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
        self._lock = RebuildLock(place.table, client("dynamodb"))
        self._rollups = rollups
        self._users = users
        self._client = client
        self._sleep = sleep

    def first_whole_day(self) -> str:
        """The first day from which on the archive still has every event, of days with rows also by what these say."""
        at_ms, archive = now_ms(), self._archive()
        by_age = first_whole_day(archive["CreationTime"], archive.get("RetentionDays", 0), at_ms=at_ms)
        today, known = timestamp(at_ms)[:10], self._rollups.archived_days(first_day=by_age)
        return max([by_age, *(_days_after(day, 1) for day, until in known.items() if until < today)])

    def obstacle(self, *, resumes: bool) -> str | None:
        """Why a rebuild cannot start, None when it can.

        ``resumes`` one that was killed, and could not even let the consumer go on.
        """
        holder = None if resumes else self._lock.holder()
        if holder is not None:
            return f"A rebuild, begun by {holder}, is at work or was killed. {_IF_KILLED}"
        replay = self._replay_at_work()
        if replay is not None:
            return f"A rebuild's replay is at work. Wait for it, or: aws events cancel-replay --replay-name {replay}"
        if not resumes and self._consumer_state() != "Enabled":
            return f"The consumer rests already: another rebuild is at work, or one was killed. {_IF_KILLED}"
        return None

    def alone(self, operator: str, *, resumes: bool) -> AbstractContextManager[None]:
        """While entered, no other rebuild begins, unless one ``resumes`` this one.

        Raises a ``ClickException`` when another has begun since ``obstacle`` said that none has.
        """
        return self._lock.held(operator, overrides=resumes)

    def check_still_alone(self) -> None:
        """Raises a ``ClickException`` when this one was taken for killed, and another began or woke the consumer."""
        if not self._lock.is_mine() or self._consumer_state() != "Disabled":
            raise click.ClickException("Another rebuild was run with --resume meanwhile.")

    def totals(self, first_day: str) -> Counter[str]:
        """The sum of everybody's rows from a day on."""
        total: Counter[str] = Counter()
        for row in self._rollups.everybodys_rows(first_day=first_day, last_day=timestamp(now_ms())[:10]):
            total.update(row.counters)
        return total

    def dead_letters(self) -> int:
        """How many events could not be counted, about."""
        return self._messages(self._place.dead_letters_url)

    def stop_consumer(self) -> None:
        """Tells the consumer to take no more messages; see ``rest``."""
        self._client("lambda").update_event_source_mapping(UUID=self._place.mapping_id, Enabled=False)

    def rest(self) -> int:
        """Returns once the consumer takes no more messages and has none in hand: at this millisecond."""
        self._wait_for_consumer("Disabled")
        while self._messages(self._place.queue_url, "ApproximateNumberOfMessagesNotVisible"):
            self._sleep(POLL_SECONDS)
        return now_ms()

    def resume(self) -> None:
        """Returns once the consumer takes messages again."""
        # What is on its way to another state takes no change.
        self._wait_for_consumer("Enabled", "Disabled")
        self._client("lambda").update_event_source_mapping(UUID=self._place.mapping_id, Enabled=True)
        self._wait_for_consumer("Enabled")

    def settle(self, seconds: int) -> None:
        """Waits until the archive has what was counted before the pause."""
        self._sleep(seconds)

    def erase(self, first_day: str) -> None:
        """Deletes the rows from a day on, and the markers of the events in them. Nothing else of the table.

        What the rows say of the archive is kept before.
        """
        self._rollups.keep_archived_days(first_day=first_day)
        pages = self._client("dynamodb").get_paginator("scan").paginate(
            TableName=self._place.table,
            ConsistentRead=True,
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

    def start_replay(self, first_day: str, *, until_ms: int) -> str:
        """Has the archive send the events from a day on, until a millisecond, to the consumer's queue once more.

        Returns the replay's name.
        """
        at_ms = now_ms()
        name = f"{_REPLAYS}{first_day}-{at_ms}"
        begins_ms = epoch_ms(f"{first_day}T00:00:00Z") - CLOCKS_DIFFER_MS
        ends_ms = min(until_ms + CLOCKS_DIFFER_MS, at_ms)
        self._client("events").start_replay(
            ReplayName=name,
            EventSourceArn=self._archive()["ArchiveArn"],
            EventStartTime=datetime.fromtimestamp(begins_ms / 1000, UTC),
            EventEndTime=datetime.fromtimestamp(ends_ms / 1000, UTC),
            Destination={"Arn": self._place.bus_arn, "FilterArns": [self._place.rule_arn]},
        )
        return name

    def follow(self, replay: str, *, quiet_seconds: int) -> Iterator[str]:
        """The state of the replay again and again, until it is over and the queue has been empty for so long.

        Or until every message of it was counted or is a dead letter by now: where jobs end all the time, the queue is
        never empty. Raises a ``ClickException``, after its state, when the replay failed or was canceled.
        """
        over_seconds = empty_seconds = 0
        while True:
            state = str(self._client("events").describe_replay(ReplayName=replay)["State"])
            yield state
            if state in _OVER - {"COMPLETED"}:
                raise click.ClickException(f"The replay {replay} ended {state.lower()}.")
            if state in _OVER:
                if empty_seconds >= quiet_seconds or over_seconds >= TRIED_SECONDS + quiet_seconds:
                    return
                over_seconds += POLL_SECONDS
                empty_seconds = 0 if self._messages(self._place.queue_url) else empty_seconds + POLL_SECONDS
            self._sleep(POLL_SECONDS)

    def forget_who_left(self, first_day: str) -> None:
        """Deletes what the archive has brought back of users who were deleted.

        Of whom nothing is known, they left if they had no job for as long as a tombstone lasts. Otherwise it is the
        record that is missing, and their rows stay.
        """
        pages = self._client("dynamodb").get_paginator("scan").paginate(
            TableName=self._place.table,
            ConsistentRead=True,
            ProjectionExpression="pk, sk",
            FilterExpression="begins_with(pk, :user) AND sk >= :day",
            ExpressionAttributeValues={":user": {"S": "OWNER#usr_"}, ":day": {"S": first_day}},
        )  # fmt: skip
        last_days: dict[str, str] = {}
        for item in (item for page in pages for item in page["Items"]):
            owner, day = item["pk"]["S"].removeprefix("OWNER#"), row_key_of(item["sk"]["S"]).day
            last_days[owner] = max(day, last_days.get(owner, day))
        known_from = _days_after(timestamp(now_ms())[:10], -TOMBSTONE_DAYS)
        for owner, last_day in sorted(last_days.items()):
            has_left = self._users.has_left(owner)
            if has_left or (has_left is None and last_day < known_from):
                self._rollups.forget(owner)

    def _archive(self) -> dict[str, Any]:
        archive: dict[str, Any] = self._client("events").describe_archive(ArchiveName=self._place.archive)
        return archive

    def _replay_at_work(self) -> str | None:
        """The name of a replay that a rebuild started."""
        events, asked = self._client("events"), {"EventSourceArn": self._archive()["ArchiveArn"]}
        while True:
            answer = events.list_replays(**asked)
            for replay in answer["Replays"]:
                if replay["ReplayName"].startswith(_REPLAYS) and replay["State"] not in _OVER:
                    return str(replay["ReplayName"])
            if not answer.get("NextToken"):
                return None
            asked["NextToken"] = answer["NextToken"]

    def _consumer_state(self) -> str:
        return str(self._client("lambda").get_event_source_mapping(UUID=self._place.mapping_id)["State"])

    def _wait_for_consumer(self, *states: str) -> None:
        while self._consumer_state() not in states:
            self._sleep(POLL_SECONDS)

    def _messages(self, queue_url: str, *counts: str) -> int:
        """How many messages a queue has: all of them, or those of the counts that are named."""
        wanted = counts or ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        answer = self._client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=list(wanted))
        return sum(int(answer["Attributes"][name]) for name in wanted)


def first_whole_day(created_at: datetime, retention_days: int, *, at_ms: int) -> str:
    """The first day of which an archive of this age has every event. It keeps them for ever with 0 days.

    It counts as whole on the day it was made: nothing was published before. What it begins to lose with the next
    midnight counts no more: a rebuild that begins before it may erase after it.
    """
    made_on = created_at.astimezone(UTC).date()
    if not retention_days:
        return made_on.isoformat()
    kept_from = date.fromisoformat(timestamp(at_ms)[:10]) - timedelta(days=retention_days - 2)
    return max(made_on, kept_from).isoformat()


def _days_after(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()
