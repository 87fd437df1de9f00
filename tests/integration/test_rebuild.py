"""What a rebuild erases, and how it asks AWS for the rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest

from local.rendering import ROOT
from operations.rebuild import TOMBSTONE_DAYS, Place, Rebuild, first_whole_day
from promptmill.analytics.rollup import finished_job
from promptmill.analytics.store import RollupStore
from promptmill.clock import epoch_ms, now_ms, timestamp
from promptmill.identity.users.model import SignIn
from promptmill.identity.users.store import UserStore
from promptmill.identity.users.store import key as user_key
from tests.integration.tables import make_table
from tests.support.builders import DAY_MS
from tests.unit.analytics.fakes import an_outcome

AT_MS = epoch_ms("2026-11-21T10:00:00Z")
# The consumer came to rest a day ago.
RESTS_SINCE_MS = AT_MS - DAY_MS
MADE = datetime(2026, 11, 1, 15, tzinfo=UTC)
SOMEBODY = f"usr_{'1' * 32}"


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
        place = Place(table, "archive", "bus-arn", "rule-arn", "queue-url", "dead-letters-url", "mapping")
        self.rebuild = Rebuild(place, self.rollups, users, self.aws, sleep=self.slept.append)

    def count(self, **fields: Any) -> None:
        assert self.rollups.count(finished_job(an_outcome(**fields)), at_ms=AT_MS, retention_days=90)

    def jobs_of(self, owner: str) -> int:
        rows = self.rollups.owners_rows(owner, first_day="2020-01-01", last_day="2100-01-01")
        return sum(row.counters["jobs"] for row in rows)


@pytest.fixture
def work(dynamodb: Any, users: UserStore, table: str) -> Work:
    return Work(dynamodb, users, table)


@pytest.fixture
def work_where(dynamodb: Any, users: UserStore, table: str) -> Callable[..., Work]:
    """Makes a rebuild of services with these answers."""
    return partial(Work, dynamodb, users, table)


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
        work.count(at=at, owner=SOMEBODY)
    work.rebuild.erase("2026-11-20")
    assert keys(dynamodb, table) == kept
    work.rebuild.erase("2026-11-20")
    assert keys(dynamodb, table) == kept


def days_ago(days: int) -> str:
    return f"{timestamp(now_ms() - days * DAY_MS)[:10]}T10:00:00.000Z"


def test_who_left_is_forgotten_and_whose_record_is_missing_is_not(
    work: Work, dynamodb: Any, users: UserStore, library_table: str
) -> None:
    here = users.record(SignIn("https://issuer.example", "ada", None, None), at_ms=AT_MS).id
    left, unknown = (f"usr_{digit * 32}" for digit in "56")
    dynamodb.put_item(TableName=library_table, Item={**user_key(left), "deleted_at": {"S": timestamp(AT_MS)}})
    address = f"ip_{'2' * 32}"
    for owner in (here, left, unknown, address):
        work.count(owner=owner, at=days_ago(1))
    work.rebuild.forget_who_left(days_ago(300)[:10])
    assert [work.jobs_of(owner) for owner in (here, left, unknown, address)] == [1, 0, 1, 1]


def test_who_left_so_long_ago_that_the_tombstone_is_gone_is_forgotten_too(work: Work, users: UserStore) -> None:
    here = users.record(SignIn("https://issuer.example", "ada", None, None), at_ms=AT_MS).id
    gone, seen_since = (f"usr_{digit * 32}" for digit in "78")
    for owner in (here, gone, seen_since):
        work.count(owner=owner, at=days_ago(TOMBSTONE_DAYS + 1))
    work.count(owner=seen_since, at=days_ago(TOMBSTONE_DAYS - 1))
    work.rebuild.forget_who_left(days_ago(300)[:10])
    assert [work.jobs_of(owner) for owner in (here, gone, seen_since)] == [1, 0, 2]


def test_a_tombstone_lasts_as_long_as_a_rebuild_relies_on() -> None:
    workflow = (ROOT / "statemachines" / "deletion.asl.json").read_text(encoding="utf-8")
    assert f"/ 1000) + {TOMBSTONE_DAYS * 86_400})" in workflow


def test_what_is_erased_and_who_is_forgotten_is_read_as_it_is_now(work: Work, dynamodb: Any) -> None:
    asked: list[tuple[str, bool]] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name in {"Query", "Scan"}:
            asked.append((model.name, params.get("ConsistentRead", False)))

    dynamodb.meta.events.register("provide-client-params.dynamodb", note)
    work.rebuild.erase("2026-11-20")
    work.rebuild.forget_who_left("2026-11-20")
    work.rebuild.totals("2026-11-20")
    dynamodb.meta.events.unregister("provide-client-params.dynamodb", note)
    assert asked == [("Scan", True)] * 2 + [("Query", True)] * 8


def test_a_pause_lasts_until_the_consumer_has_nothing_in_hand(work_where: Callable[..., Work]) -> None:
    states = [{"State": "Disabling"}, {"State": "Disabled"}]
    counts = [{"Attributes": {"ApproximateNumberOfMessagesNotVisible": count}} for count in ("3", "1", "0")]
    work = work_where(get_event_source_mapping=states, get_queue_attributes=counts)
    work.rebuild.stop_consumer()
    before_ms = now_ms()
    assert before_ms <= work.rebuild.rest() <= now_ms()
    assert work.aws.asked[0] == ("update_event_source_mapping", {"UUID": "mapping", "Enabled": False})
    assert work.aws.operations.count("get_event_source_mapping") == 2
    assert work.aws.operations.count("get_queue_attributes") == 3
    assert len(work.slept) == 3


def test_a_consumer_on_its_way_to_another_state_is_told_to_go_on_once_it_is_there(
    work_where: Callable[..., Work],
) -> None:
    states = [{"State": state} for state in ("Disabling", "Disabled", "Enabling", "Enabled")]
    work = work_where(get_event_source_mapping=states)
    work.rebuild.resume()
    assert work.aws.operations == [
        *["get_event_source_mapping"] * 2, "update_event_source_mapping", *["get_event_source_mapping"] * 2,
    ]  # fmt: skip
    assert work.aws.asked[2][1] == {"UUID": "mapping", "Enabled": True}


@pytest.mark.parametrize("resumes", [False, True])
@pytest.mark.parametrize("state", ["STARTING", "RUNNING", "CANCELLING"])
def test_while_the_replay_of_a_rebuild_is_at_work_no_other_starts(
    work_where: Callable[..., Work], state: str, *, resumes: bool
) -> None:
    over = [{"ReplayName": f"promptmill-analytics-{end}", "State": end} for end in ("COMPLETED", "FAILED", "CANCELLED")]
    theirs = {"ReplayName": "for-billing", "State": "RUNNING"}
    ours = {"ReplayName": "promptmill-analytics-2026-11-20-1", "State": state}
    work = work_where(
        describe_archive=[{"ArchiveArn": "archive-arn"}],
        list_replays=[{"Replays": [*over, theirs], "NextToken": "more"}, {"Replays": [ours]}],
        get_event_source_mapping=[{"State": "Enabled"}],
    )
    assert "aws events cancel-replay --replay-name promptmill-analytics-2026-11-20-1" in str(
        work.rebuild.obstacle(resumes=resumes)
    )
    assert [asked for operation, asked in work.aws.asked if operation == "list_replays"][-1] == {
        "EventSourceArn": "archive-arn",
        "NextToken": "more",
    }


@pytest.mark.parametrize(
    ("state", "resumes", "starts"),
    [("Enabled", False, True), ("Disabled", False, False), ("Disabling", False, False), ("Disabled", True, True)],
)
def test_a_consumer_at_rest_is_somebody_elses_unless_it_is_said_that_a_rebuild_was_killed(
    work_where: Callable[..., Work], state: str, *, resumes: bool, starts: bool
) -> None:
    work = work_where(
        describe_archive=[{"ArchiveArn": "archive-arn"}],
        list_replays=[{"Replays": []}],
        get_event_source_mapping=[{"State": state}],
    )
    obstacle = work.rebuild.obstacle(resumes=resumes)
    assert obstacle is None if starts else "--resume" in str(obstacle)


def test_the_dead_letters_are_counted_in_their_queue(work_where: Callable[..., Work]) -> None:
    work = work_where(get_queue_attributes=[queue(2, 1)])
    assert work.rebuild.dead_letters() == 3
    assert work.aws.asked[0][1]["QueueUrl"] == "dead-letters-url"


def test_days_that_were_kept_for_less_than_the_archive_keeps_events_now_are_not_whole(
    work_where: Callable[..., Work],
) -> None:
    made = datetime.now(UTC) - timedelta(days=500)
    work = work_where(describe_archive=[{"CreationTime": made, "RetentionDays": 365}])
    assert work.rebuild.first_whole_day() == days_ago(364)[:10]
    for days in (1, 89, 90, 200):
        work.count(at=days_ago(days))
    assert work.rebuild.first_whole_day() == days_ago(89)[:10]


def test_the_archive_replays_to_the_rule_of_the_analytics_and_no_other(work_where: Callable[..., Work]) -> None:
    work = work_where(describe_archive=[{"ArchiveArn": "archive-arn"}])
    name = work.rebuild.start_replay("2026-11-20", until_ms=RESTS_SINCE_MS)
    _, asked = work.aws.asked[-1]
    assert (asked["ReplayName"], asked["EventSourceArn"]) == (name, "archive-arn")
    assert asked["Destination"] == {"Arn": "bus-arn", "FilterArns": ["rule-arn"]}
    assert asked["EventStartTime"] == datetime(2026, 11, 19, 23, 59, tzinfo=UTC)
    assert asked["EventEndTime"] == datetime(2026, 11, 20, 10, 1, tzinfo=UTC)
    assert len(name) <= 64


def test_no_more_is_replayed_than_there_is(work_where: Callable[..., Work]) -> None:
    work = work_where(describe_archive=[{"ArchiveArn": "archive-arn"}])
    work.rebuild.start_replay("2026-11-20", until_ms=now_ms())
    assert work.aws.asked[-1][1]["EventEndTime"] <= datetime.now(UTC)


def queue(messages: int, in_hand: int) -> dict[str, Any]:
    attributes = {"ApproximateNumberOfMessages": messages, "ApproximateNumberOfMessagesNotVisible": in_hand}
    return {"Attributes": {name: str(count) for name, count in attributes.items()}}


def test_a_replay_is_over_when_nothing_is_left_of_it_in_the_queue(work_where: Callable[..., Work]) -> None:
    work = work_where(
        describe_replay=[{"State": "STARTING"}, {"State": "RUNNING"}, {"State": "COMPLETED"}],
        get_queue_attributes=[queue(5, 0), queue(0, 3), queue(0, 0), queue(1, 0), queue(0, 0), queue(0, 0)],
    )
    assert list(work.rebuild.follow("again")) == ["STARTING", "RUNNING", *["COMPLETED"] * 6]


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_a_replay_that_failed_is_not_waited_for(work_where: Callable[..., Work], state: str) -> None:
    work = work_where(describe_replay=[{"State": state}])
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
