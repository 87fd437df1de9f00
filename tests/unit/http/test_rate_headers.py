"""RateLimit and RateLimit-Policy."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from promptmill.http.rate_headers import rate_headers
from promptmill.limits.gcra import RatePolicy, Standing, admit, standing
from tests.support.builders import a_policy
from tests.unit.limits.strategies import START_MS, policies

POLICY = a_policy(limit=10, period_seconds=60, burst=3)


def test_the_policy_is_its_quota_and_its_window() -> None:
    headers = rate_headers(Standing(remaining=3, reset_ms=0), a_policy(limit=100, period_seconds=3600, name="partner"))
    assert headers == {"RateLimit-Policy": '"partner";q=100;w=3600', "RateLimit": '"partner";r=3;t=0'}


@pytest.mark.parametrize(
    ("now", "taken", "expected"),
    [
        (Standing(3, 0), 0, "r=3;t=0"),
        (Standing(3, 0), 1, "r=2;t=6"),
        (Standing(2, 1), 1, "r=1;t=1"),
        (Standing(1, 6000), 1, "r=0;t=6"),
        (Standing(1, 6001), 0, "r=1;t=7"),
        (Standing(0, 1), 1, "r=0;t=1"),
    ],
)
def test_what_is_left_and_the_whole_seconds_until_one_more_is_free(now: Standing, taken: int, expected: str) -> None:
    assert rate_headers(now, POLICY, taken=taken)["RateLimit"] == f'"anonymous";{expected}'


@given(policy=policies, ahead_ms=st.none() | st.integers(-10_000_000, 100_000_000))
def test_after_one_is_taken_they_say_what_the_limiter_then_says(policy: RatePolicy, ahead_ms: int | None) -> None:
    tat = None if ahead_ms is None else START_MS + ahead_ms
    moved = admit(tat, START_MS, policy)
    assume(moved is not None)
    told = rate_headers(standing(tat, START_MS, policy), policy, taken=1)
    assert told == rate_headers(standing(moved, START_MS, policy), policy)


@given(policy=policies, ahead_ms=st.integers(0, 100_000_000))
def test_a_caller_who_waits_as_long_as_they_say_finds_one_more_free(policy: RatePolicy, ahead_ms: int) -> None:
    now = standing(START_MS + ahead_ms, START_MS, policy)
    found = re.fullmatch(r'"anonymous";r=(\d+);t=(\d+)', rate_headers(now, policy)["RateLimit"])
    assert found is not None
    later = standing(START_MS + ahead_ms, START_MS + int(found[2]) * 1000, policy)
    assert later.remaining >= min(policy.burst, int(found[1]) + 1)
