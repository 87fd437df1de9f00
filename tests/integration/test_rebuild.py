"""What a rebuild erases, and how it asks AWS for the rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from operations.rebuild import Place, Rebuild, first_whole_day
from promptmill.analytics.rollup import finished_job
from promptmill.analytics.store import RollupStore
from promptmill.clock import epoch_ms
from promptmill.identity.users.model import SignIn
from promptmill.identity.users.store import UserStore
from tests.integration.tables import make_table
from tests.unit.analytics.fakes import an_outcome

AT_MS = epoch_ms("2026-11-21T10:00:00Z")
MADE = datetime(2026, 11, 1, 15, tzinfo=UTC)
GONE = f"usr_{'1' * 32}"


@pytest.fixture(scope="module")
def users(dynamodb: Any, library_table: str) -> UserStore:
    return UserStore(library_table, dynamodb)


@pytest.fixture
def table(dynamodb: Any) -> Any:
    name = make_table(dynamodb, "AnalyticsTable", "rebuilt")
    yield name
    dynamodb.delete_table(TableName=name)


class Aws:
    """The services a rebuild uses. ``answers`` are what each operation answers in turn, the last one for ever."""

    def __init__(self, dynamodb: Any, **answers: list[Any]) -> None:
        self._dynamodb = dynamodb
        self._answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, service: str) -> Any:
        return self._dynamodb if service == "dynamodb" else self

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            self.asked.append((operation, parameters))
            left = self._answers.get(operation, [{}])
            return left.pop(0) if len(left) > 1 else left[0]

        return call

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.asked]


class Work:
    """A rebuild on a table in moto; ``slept`` is how often it waited."""

    def __init__(self, dynamodb: Any, users: UserStore, table: str, **answers: list[Any]) -> None:
        self.slept: list[float] = []
        self.aws = Aws(dynamodb, **answers)
        self.rollups = RollupStore(table, dynamodb)
        place = Place(table, "archive", "bus-arn", "rule-arn", "queue-url", "mapping")
        self.rebuild = Rebuild(place, self.rollups, users, self.aws, sleep=self.slept.append)

    def count(self, **fields: Any) -> None:
        assert self.rollups.count(finished_job(an_outcome(**fields)), marker_expires_at_seconds=2**31)


@pytest.fixture
def work(dynamodb: Any, users: UserStore, table: str) -> Work:
    return Work(dynamodb, users, table)


def keys(dynamodb: Any, table: str) -> set[tuple[str, str]]:
    return {(item["pk"]["S"], item["sk"]["S"]) for item in dynamodb.scan(TableName=table)["Items"]}


def test_what_is_erased_are_rows_and_markers_from_the_day_on_and_nothing_else(
    work: Work, dynamodb: Any, table: str
) -> None:
    for pk, sk, day in (
        ("EVENT#evt_1", "INTERACTIONS", "2026-11-21"),
        ("PROMPT#prm_1", "COUNTS", "2026-11-21"),
        ("PROMPT#prm_1", "2026-11-21#x", "2026-11-21"),
    ):
        dynamodb.put_item(TableName=table, Item={"pk": {"S": pk}, "sk": {"S": sk}, "day": {"S": day}})
    work.count(at="2026-11-19T23:59:59.999Z")
    kept = keys(dynamodb, table)
    assert len(kept) == 6
    for at in ("2026-11-20T00:00:00.000Z", "2026-11-21T10:00:00.000Z"):
        work.count(at=at)
        work.count(at=at, owner=GONE)
    work.rebuild.erase("2026-11-20")
    assert keys(dynamodb, table) == kept
    work.rebuild.erase("2026-11-20")
    assert keys(dynamodb, table) == kept


def test_who_left_is_forgotten_and_who_is_there_is_not(work: Work, users: UserStore) -> None:
    here = users.record(SignIn("https://issuer.example", "ada", None, None), at_ms=AT_MS).id
    address = f"ip_{'2' * 32}"
    for owner in (here, GONE, address):
        work.count(owner=owner)
    work.rebuild.forget_who_left("2026-11-21")
    left = {owner: list(work.rollups.owners_rows(owner, first_day="2026-11-21", last_day="2026-11-21")) for owner in (
        here, GONE, address,
    )}  # fmt: skip
    assert [bool(rows) for rows in left.values()] == [True, False, True]


def test_a_pause_lasts_until_the_consumer_has_nothing_in_hand(dynamodb: Any, users: UserStore, table: str) -> None:
    states = [{"State": "Disabling"}, {"State": "Disabled"}]
    counts = [{"Attributes": {"ApproximateNumberOfMessagesNotVisible": count}} for count in ("3", "1", "0")]
    work = Work(dynamodb, users, table, get_event_source_mapping=states, get_queue_attributes=counts)
    work.rebuild.pause()
    assert work.aws.asked[0] == ("update_event_source_mapping", {"UUID": "mapping", "Enabled": False})
    assert work.aws.operations.count("get_event_source_mapping") == 2
    assert work.aws.operations.count("get_queue_attributes") == 3
    assert len(work.slept) == 3


def test_the_archive_replays_to_the_rule_of_the_analytics_and_no_other(
    dynamodb: Any, users: UserStore, table: str
) -> None:
    work = Work(dynamodb, users, table, describe_archive=[{"ArchiveArn": "archive-arn"}])
    name = work.rebuild.start_replay("2026-11-20")
    _, asked = work.aws.asked[-1]
    assert (asked["ReplayName"], asked["EventSourceArn"]) == (name, "archive-arn")
    assert asked["Destination"] == {"Arn": "bus-arn", "FilterArns": ["rule-arn"]}
    assert asked["EventStartTime"] == datetime(2026, 11, 19, 23, 59, tzinfo=UTC)
    assert asked["EventEndTime"] <= datetime.now(UTC)
    assert len(name) <= 64


def queue(messages: int, in_hand: int) -> dict[str, Any]:
    attributes = {"ApproximateNumberOfMessages": messages, "ApproximateNumberOfMessagesNotVisible": in_hand}
    return {"Attributes": {name: str(count) for name, count in attributes.items()}}


def test_a_replay_is_over_when_nothing_is_left_of_it_in_the_queue(dynamodb: Any, users: UserStore, table: str) -> None:
    work = Work(
        dynamodb,
        users,
        table,
        describe_replay=[{"State": "STARTING"}, {"State": "RUNNING"}, {"State": "COMPLETED"}],
        get_queue_attributes=[queue(5, 0), queue(0, 3), queue(0, 0), queue(1, 0), queue(0, 0), queue(0, 0)],
    )
    assert list(work.rebuild.follow("again")) == ["STARTING", "RUNNING", *["COMPLETED"] * 6]


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_a_replay_that_failed_is_not_waited_for(dynamodb: Any, users: UserStore, table: str, state: str) -> None:
    work = Work(dynamodb, users, table, describe_replay=[{"State": state}])
    assert list(work.rebuild.follow("again")) == [state]
    assert work.slept == []


@pytest.mark.parametrize(
    ("created_at", "retention_days", "first"),
    [
        (MADE, 0, "2026-11-01"),
        (MADE, 90, "2026-11-01"),
        (MADE - timedelta(days=900), 90, "2026-08-24"),
        (MADE - timedelta(days=900), 1, "2026-11-21"),
        (datetime(2026, 11, 1, 1, tzinfo=timezone(timedelta(hours=2))), 0, "2026-10-31"),
    ],
)
def test_an_archive_has_the_days_since_it_was_made_that_it_still_keeps(
    created_at: datetime, retention_days: int, first: str
) -> None:
    assert first_whole_day(created_at, retention_days, at_ms=AT_MS) == first
