"""How a rebuild asks AWS for what it does not do itself, and how long it waits for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import click
import pytest

from local.rendering import read_template
from operations.rebuild import TRIED_SECONDS, first_whole_day
from promptmill.clock import now_ms
from tests.support.builders import DAY_MS
from tests.unit.operations.rebuilds import AT_MS, Work

# The consumer came to rest a day ago.
RESTS_SINCE_MS = AT_MS - DAY_MS
MADE = datetime(2026, 11, 1, 15, tzinfo=UTC)


def work_where_aws(**answers: Any) -> Work:
    """A rebuild without a table."""
    return Work(None, None, "table", **answers)


def queue(messages: int, in_hand: int) -> dict[str, Any]:
    attributes = {"ApproximateNumberOfMessages": messages, "ApproximateNumberOfMessagesNotVisible": in_hand}
    return {"Attributes": {name: str(count) for name, count in attributes.items()}}


def test_a_pause_lasts_until_the_consumer_has_nothing_in_hand() -> None:
    states = [{"State": "Disabling"}, {"State": "Disabled"}]
    counts = [{"Attributes": {"ApproximateNumberOfMessagesNotVisible": count}} for count in ("3", "1", "0")]
    work = work_where_aws(get_event_source_mapping=states, get_queue_attributes=counts)
    work.rebuild.stop_consumer()
    before_ms = now_ms()
    assert before_ms <= work.rebuild.rest() <= now_ms()
    assert work.aws.asked[0] == ("update_event_source_mapping", {"UUID": "mapping", "Enabled": False})
    assert work.aws.operations.count("get_event_source_mapping") == 2
    assert work.aws.operations.count("get_queue_attributes") == 3
    assert len(work.slept) == 3


def test_a_consumer_on_its_way_to_another_state_is_told_to_go_on_once_it_is_there() -> None:
    states = [{"State": state} for state in ("Disabling", "Disabled", "Enabling", "Enabled")]
    work = work_where_aws(get_event_source_mapping=states)
    work.rebuild.resume()
    assert work.aws.operations == [
        *["get_event_source_mapping"] * 2, "update_event_source_mapping", *["get_event_source_mapping"] * 2,
    ]  # fmt: skip
    assert work.aws.asked[2][1] == {"UUID": "mapping", "Enabled": True}


def test_the_dead_letters_are_counted_in_their_queue() -> None:
    work = work_where_aws(get_queue_attributes=[queue(2, 1)])
    assert work.rebuild.dead_letters() == 3
    assert work.aws.asked[0][1]["QueueUrl"] == "dead-letters-url"


def test_the_archive_replays_to_the_rule_of_the_analytics_and_no_other() -> None:
    work = work_where_aws(describe_archive=[{"ArchiveArn": "archive-arn"}])
    name = work.rebuild.start_replay("2026-11-20", until_ms=RESTS_SINCE_MS)
    _, asked = work.aws.asked[-1]
    assert (asked["ReplayName"], asked["EventSourceArn"]) == (name, "archive-arn")
    assert asked["Destination"] == {"Arn": "bus-arn", "FilterArns": ["rule-arn"]}
    assert asked["EventStartTime"] == datetime(2026, 11, 19, 23, 59, tzinfo=UTC)
    assert asked["EventEndTime"] == datetime(2026, 11, 20, 10, 1, tzinfo=UTC)
    assert len(name) <= 64


def test_no_more_is_replayed_than_there_is() -> None:
    work = work_where_aws(describe_archive=[{"ArchiveArn": "archive-arn"}])
    work.rebuild.start_replay("2026-11-20", until_ms=now_ms())
    assert work.aws.asked[-1][1]["EventEndTime"] <= datetime.now(UTC)


def test_a_replay_is_over_when_the_queue_has_been_empty_for_a_while() -> None:
    # What was refused is in hand until it comes back.
    counts = [queue(5, 0), queue(0, 0), queue(0, 1), queue(1, 0), queue(0, 0)]
    work = work_where_aws(
        describe_replay=[{"State": "STARTING"}, {"State": "RUNNING"}, {"State": "COMPLETED"}],
        get_queue_attributes=counts,
    )
    states = list(work.rebuild.follow("again", quiet_seconds=3))
    assert states == ["STARTING", "RUNNING", *["COMPLETED"] * 8]
    assert work.slept == [1] * 9


def test_where_the_queue_is_never_empty_a_replay_is_over_when_each_message_was_tried_as_often_as_it_is() -> None:
    work = work_where_aws(
        describe_replay=[{"State": "RUNNING"}, {"State": "COMPLETED"}], get_queue_attributes=[queue(0, 3), queue(2, 1)]
    )
    assert list(work.rebuild.follow("again", quiet_seconds=60))[-1] == "COMPLETED"
    assert sum(work.slept) == 1 + TRIED_SECONDS + 60
    analytics = read_template()["Resources"]["AnalyticsQueue"]["Properties"]
    assert analytics["VisibilityTimeout"] * analytics["RedrivePolicy"]["maxReceiveCount"] == TRIED_SECONDS


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_a_replay_that_failed_is_not_waited_for(state: str) -> None:
    work = work_where_aws(describe_replay=[{"State": state}])
    told = work.rebuild.follow("again", quiet_seconds=60)
    assert next(told) == state
    with pytest.raises(click.ClickException, match=f"The replay again ended {state.lower()}"):
        next(told)
    assert work.slept == []


@pytest.mark.parametrize(
    ("created_at", "retention_days", "first"),
    [
        (MADE, 0, "2026-11-01"),
        (MADE, 90, "2026-11-01"),
        (MADE - timedelta(days=900), 90, "2026-08-25"),
        (MADE - timedelta(days=900), 2, "2026-11-21"),
        # Of today, it begins to lose the first events at midnight.
        (MADE - timedelta(days=900), 1, "2026-11-22"),
        (datetime(2026, 11, 1, 1, tzinfo=timezone(timedelta(hours=2))), 0, "2026-10-31"),
    ],
)
def test_an_archive_has_the_days_since_it_was_made_that_it_still_keeps(
    created_at: datetime, retention_days: int, first: str
) -> None:
    assert first_whole_day(created_at, retention_days, at_ms=AT_MS) == first
