"""What an answer's head means."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.clock import epoch_ms
from promptmill.events.webhooks.answer import MAX_RETRY_AFTER_SECONDS, seconds_to_wait
from promptmill.events.webhooks.gateway import MAX_HEAD_BYTES

NOW_MS = epoch_ms("2026-11-21T10:00:00.000Z")


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Sat, 21 Nov 2026 10:00:30 GMT", 30),
        ("Sat, 21 Nov 2026 10:00:00 GMT", 0),
        ("Sat, 21 Nov 2026 09:00:00 GMT", 0),
        ("Sun, 22 Nov 2026 10:00:00 GMT", 86400),
        ("Mon, 23 Nov 2026 10:00:00 GMT", 86400),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
        ("Saturday, 21-Nov-26 10:00:30 GMT", 30),
        ("Sat Nov 21 10:00:30 2026", 30),
        ("Sun Nov  1 10:00:30 2026", 0),
    ],
)
def test_a_date_is_the_time_until_it_from_none_to_a_day(date: str, expected: int) -> None:
    assert seconds_to_wait(date, now_ms=NOW_MS) == expected


def test_a_part_of_a_second_is_waited_out() -> None:
    assert seconds_to_wait("Sat, 21 Nov 2026 10:00:30 GMT", now_ms=NOW_MS + 1) == 30
    assert seconds_to_wait("Sat, 21 Nov 2026 10:00:30 GMT", now_ms=NOW_MS + 1000) == 29


NO_DATES = (
    "tomorrow",
    "2026-11-21T10:00:30Z",
    "Sat, 21 Nov 2026 10:00:30",
    "Sat, 21 Nov 2026 10:00:30 CET",
    "Sat, 31 Feb 2026 10:00:30 GMT",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0" * 5000, 0),
        ("0" * 5000 + "7", 7),
        ("086399", 86399),
        ("100000", 86400),
        ("9" * 19, 86400),
        ("9" * 5000, 86400),
    ],
)
def test_seconds_may_have_any_number_of_digits(text: str, expected: int) -> None:
    assert seconds_to_wait(text, now_ms=NOW_MS) == expected


@pytest.mark.parametrize("text", ["", " ", "-1", "+1", "1.5", "1e3", "0x10", "1_000", "²", "١٢", *NO_DATES])
def test_what_is_neither_seconds_nor_a_date_asks_for_nothing(text: str) -> None:
    assert seconds_to_wait(text, now_ms=NOW_MS) is None


def test_a_text_as_long_as_a_head_may_be_takes_no_time() -> None:
    began = time.process_time()
    assert seconds_to_wait("0" * MAX_HEAD_BYTES + "x", now_ms=NOW_MS) is None
    assert time.process_time() - began < 0.5


@given(st.text() | st.integers().map(str))
def test_whatever_is_asked_for_is_at_most_a_day(text: str) -> None:
    seconds = seconds_to_wait(text, now_ms=NOW_MS)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER_SECONDS
