"""When a webhook is tried again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.events.webhooks.schedule import (
    ATTEMPTS,
    DAY_MS,
    HOUR_MS,
    INTERVALS_MS,
    MAX_DELAY_MS,
    MINUTE_MS,
    delay_seconds,
    held_off_ms,
    hold_ms,
    is_soon,
    look_at_ms,
    retry_at_ms,
)
from tests.support.builders import AT_MS

attempts = st.integers(1, ATTEMPTS - 1)
jitters = st.floats(0, 1)
asked = st.none() | st.integers(0, 10 * 86_400)


def waits(begun: int, *, retry_after_seconds: int | None = None, jitter: float = 0) -> int | None:
    at_ms = retry_at_ms(begun, at_ms=AT_MS, retry_after_seconds=retry_after_seconds, jitter=jitter)
    return None if at_ms is None else at_ms - AT_MS


def test_the_schedule_is_the_published_one_and_ends_after_the_tenth_attempt() -> None:
    published = [5_000, 300_000, 1_800_000, *(hours * 3_600_000 for hours in (2, 5, 10, 14, 20, 24))]
    assert [waits(begun) for begun in range(1, 13)] == [*published, None, None, None]


@pytest.mark.parametrize(
    ("begun", "retry_after_seconds", "expected_ms"),
    [
        (1, 0, 5_000),
        (1, 4, 5_000),
        (1, 5, 5_000),
        (1, 6, 6_000),
        (1, 3_600, HOUR_MS),
        (2, 3_600, HOUR_MS),
        (4, 3_600, 2 * HOUR_MS),
        (1, 86_400, DAY_MS),
        (1, 86_401, DAY_MS),
        (1, 10**9, DAY_MS),
        (9, 10**9, DAY_MS),
        (10, 60, None),
    ],
)
def test_a_receiver_may_ask_for_more_time_up_to_a_day(
    begun: int, retry_after_seconds: int, expected_ms: int | None
) -> None:
    assert waits(begun, retry_after_seconds=retry_after_seconds) == expected_ms


@given(begun=attempts, jitter=jitters)
def test_chance_adds_up_to_a_tenth_and_takes_nothing_away(begun: int, jitter: float) -> None:
    interval_ms = INTERVALS_MS[begun - 1]
    waited = waits(begun, jitter=jitter)
    assert waited is not None
    assert interval_ms <= waited <= interval_ms * 1.1
    assert waits(begun, jitter=1) == interval_ms * 11 // 10


@given(begun=attempts, jitter=jitters, seconds=asked)
def test_nobody_is_tried_before_it_asked_or_more_than_a_tenth_past_a_day(
    begun: int, jitter: float, seconds: int | None
) -> None:
    waited = waits(begun, retry_after_seconds=seconds, jitter=jitter)
    assert waited is not None
    assert min((seconds or 0) * 1000, DAY_MS) <= waited <= DAY_MS * 1.1


@pytest.mark.parametrize(
    ("failing_for_ms", "expected_ms"),
    [
        (0, MINUTE_MS),
        (MINUTE_MS, MINUTE_MS),
        (2 * MINUTE_MS, MINUTE_MS),
        (10 * MINUTE_MS, 5 * MINUTE_MS),
        (20 * MINUTE_MS, 10 * MINUTE_MS),
        (DAY_MS, 10 * MINUTE_MS),
    ],
)
def test_who_does_not_answer_is_left_alone_for_longer_the_longer_it_lasts(
    failing_for_ms: int, expected_ms: int
) -> None:
    assert hold_ms(failing_for_ms) == expected_ms


@given(st.integers(0, 10 * DAY_MS))
def test_every_hold_is_one_that_a_message_can_wait_for(failing_for_ms: int) -> None:
    latest_ms = held_off_ms(AT_MS + hold_ms(failing_for_ms), failing_for_ms=failing_for_ms, jitter=1)
    assert is_soon(latest_ms, at_ms=AT_MS)


@pytest.mark.parametrize(
    ("failing_for_ms", "spread_ms"), [(0, MINUTE_MS), (4 * MINUTE_MS, MINUTE_MS), (DAY_MS, 5 * MINUTE_MS)]
)
def test_what_waited_for_a_webhook_comes_back_spread_over_half_the_time_it_waited(
    failing_for_ms: int, spread_ms: int
) -> None:
    spread = [held_off_ms(AT_MS, failing_for_ms=failing_for_ms, jitter=jitter) for jitter in (0, 0.5, 1)]
    assert spread == [AT_MS, AT_MS + spread_ms // 2, AT_MS + spread_ms]


def test_what_a_message_asks_for_is_looked_at_a_minute_after_it_and_the_rest_when_it_is_due() -> None:
    soon, late = AT_MS + MAX_DELAY_MS, AT_MS + MAX_DELAY_MS + 1
    assert (is_soon(soon, at_ms=AT_MS), look_at_ms(soon, at_ms=AT_MS)) == (True, soon + MINUTE_MS)
    assert (is_soon(late, at_ms=AT_MS), look_at_ms(late, at_ms=AT_MS)) == (False, late)


@given(st.integers(0, MAX_DELAY_MS))
def test_a_message_is_seen_in_the_second_after_its_attempt_is_due_and_not_before(wait_ms: int) -> None:
    seen_ms = delay_seconds(AT_MS + wait_ms, at_ms=AT_MS) * 1000
    assert wait_ms <= seen_ms < wait_ms + 1000
