"""What a rebuild erases, and how it asks AWS for the rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import click
import pytest

from local.rendering import ROOT
from operations.rebuild import TOMBSTONE_DAYS
from operations.rebuild_lock import RebuildLock
from promptmill.clock import now_ms, timestamp
from promptmill.identity.users.model import SignIn
from promptmill.identity.users.store import UserStore
from promptmill.identity.users.store import key as user_key
from tests.integration.tables import make_table
from tests.support.builders import DAY_MS
from tests.unit.operations.rebuilds import AT_MS, Work

SOMEBODY = f"usr_{'1' * 32}"


@pytest.fixture(scope="module")
def users(dynamodb: Any, library_table: str) -> UserStore:
    return UserStore(library_table, dynamodb)


@pytest.fixture
def table(dynamodb: Any) -> Any:
    name = make_table(dynamodb, "AnalyticsTable", "rebuilt")
    yield name
    dynamodb.delete_table(TableName=name)


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
    # What is known of the archive's days stays known.
    days = {("ARCHIVED", "2026-11-20"), ("ARCHIVED", "2026-11-21")}
    with work.rebuild.alone("arn:of:ada", resumes=False):
        for _ in range(2):
            work.rebuild.erase("2026-11-20")
            assert keys(dynamodb, table) == kept | days | {("REBUILD", "LOCK")}


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
    assert asked == [("Query", True)] * 9 + [("Scan", True)] * 2 + [("Query", True)] * 8


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


def test_days_that_were_kept_for_less_than_the_archive_keeps_events_now_are_not_whole(
    work_where: Callable[..., Work],
) -> None:
    made = datetime.now(UTC) - timedelta(days=500)
    work = work_where(describe_archive=[{"CreationTime": made, "RetentionDays": 365}])
    assert work.rebuild.first_whole_day() == days_ago(363)[:10]
    for days in (1, 88, 89, 90, 200):
        work.count(at=days_ago(days))
    assert work.rebuild.first_whole_day() == days_ago(88)[:10]
    # Made anew, what is left of a day's rows is as old as it was.
    work.rebuild.erase(days_ago(200)[:10])
    work.count(at=days_ago(89), retention_days=365)
    assert work.rebuild.first_whole_day() == days_ago(88)[:10]


ADA, BOB = "arn:of:ada", "arn:of:bob"


def free(work_where: Callable[..., Work], *, state: str = "Enabled") -> Work:
    """A rebuild that nothing but another one is in the way of, with the consumer in this state."""
    return work_where(
        describe_archive=[{"ArchiveArn": "archive-arn"}],
        list_replays=[{"Replays": []}],
        get_event_source_mapping=[{"State": state}],
    )


def test_of_two_rebuilds_at_once_the_second_is_refused_and_told_whose_the_first_is(
    work_where: Callable[..., Work],
) -> None:
    first, second = free(work_where).rebuild, free(work_where).rebuild
    assert (first.obstacle(resumes=False), second.obstacle(resumes=False)) == (None, None)
    with first.alone(ADA, resumes=False):
        with pytest.raises(click.ClickException, match="Another rebuild"), second.alone(BOB, resumes=False):
            pass
        obstacle = str(second.obstacle(resumes=False))
        assert ADA in obstacle
        assert "--resume" in obstacle
    assert second.obstacle(resumes=False) is None
    with second.alone(BOB, resumes=False):
        assert BOB in str(first.obstacle(resumes=False))


def test_a_rebuild_that_is_interrupted_is_in_nobodys_way(work_where: Callable[..., Work]) -> None:
    rebuild = free(work_where).rebuild
    with pytest.raises(KeyboardInterrupt), rebuild.alone(ADA, resumes=False):
        raise KeyboardInterrupt
    assert rebuild.obstacle(resumes=False) is None


def test_a_rebuild_that_was_taken_for_killed_ends_in_nobodys_way_and_erases_nothing(
    work_where: Callable[..., Work],
) -> None:
    slept, resumed = free(work_where, state="Disabled").rebuild, free(work_where).rebuild
    with slept.alone(ADA, resumes=False):
        slept.check_still_alone()
        assert resumed.obstacle(resumes=True) is None
        with resumed.alone(BOB, resumes=True), pytest.raises(click.ClickException, match="--resume meanwhile"):
            slept.check_still_alone()
        with pytest.raises(click.ClickException, match="--resume meanwhile"):
            slept.check_still_alone()
        resumes_again = resumed.alone(BOB, resumes=True)
        resumes_again.__enter__()
    # She is at her end, and leaves him his.
    assert BOB in str(slept.obstacle(resumes=False))
    resumes_again.__exit__(None, None, None)
    assert free(work_where).rebuild.obstacle(resumes=False) is None


def test_a_rebuild_whose_consumer_was_let_go_on_erases_nothing(work_where: Callable[..., Work]) -> None:
    rebuild = free(work_where, state="Enabled").rebuild
    with rebuild.alone(ADA, resumes=False), pytest.raises(click.ClickException, match="--resume meanwhile"):
        rebuild.check_still_alone()


def test_a_rebuild_does_not_refuse_itself_when_an_answer_is_lost(
    work_where: Callable[..., Work], dynamodb: Any
) -> None:
    put_twice = SimpleNamespace(
        put_item=lambda **asked: [dynamodb.put_item(**asked) for _ in range(2)],
        get_item=dynamodb.get_item,
        delete_item=dynamodb.delete_item,
        exceptions=dynamodb.exceptions,
    )
    lock = RebuildLock("rebuilt", put_twice)
    with lock.held(ADA, overrides=False):
        assert lock.is_mine()
        assert ADA in str(free(work_where).rebuild.obstacle(resumes=False))
    assert lock.holder() is None
