"""What a caller reads of their own limits."""

from __future__ import annotations

import pytest

from promptmill.clock import epoch_ms
from promptmill.http.limits_schemas import Limits as LimitsAnswer
from promptmill.limits.gcra import RatePolicy, Standing
from promptmill.limits.plan import Allowance, Limits
from promptmill.limits.spending.reservation import Account
from promptmill.limits.view import limits_view, next_day

AT_MS = epoch_ms("2026-11-21T10:00:00.000Z")
LIMITS = Limits("user", RatePolicy("user", 30, 60, 20), Allowance(10, 100, 2_000_000_000))


def test_every_limit_is_said_with_what_is_used_and_what_is_left() -> None:
    account = Account(frozenset({"job_1", "job_2"}), nanousd=30_000_000, spent_nanousd=10_000_000, images=3)
    view = limits_view(LIMITS, Standing(remaining=18, reset_ms=1001), account, at_ms=AT_MS)
    LimitsAnswer.model_validate(view)
    assert view == {
        "object": "limits",
        "plan": "user",
        "requests": {"limit": 30, "period_seconds": 60, "burst": 20, "remaining": 18, "reset_seconds": 2},
        "concurrent_jobs": {"limit": 10, "used": 2, "remaining": 8},
        "images_per_day": {"limit": 100, "used": 3, "remaining": 97, "resets_at": "2026-11-22T00:00:00.000Z"},
        "daily_usd": {
            "limit": "2",
            "spent": "0.01",
            "reserved": "0.02",
            "remaining": "1.97",
            "resets_at": "2026-11-22T00:00:00.000Z",
        },
    }


def test_of_a_limit_that_was_lowered_below_its_use_nothing_is_left() -> None:
    account = Account(frozenset("abcdefghijkl"), nanousd=3 * 10**9, images=200)
    view = limits_view(LIMITS, Standing(0, 2000), account, at_ms=AT_MS)
    assert [view[name]["remaining"] for name in ("concurrent_jobs", "images_per_day", "daily_usd")] == [0, 0, "0"]


@pytest.mark.parametrize(
    ("at", "next_at"),
    [
        ("2026-11-21T00:00:00.000Z", "2026-11-22T00:00:00.000Z"),
        ("2026-11-21T23:59:59.999Z", "2026-11-22T00:00:00.000Z"),
        ("2026-12-31T12:00:00.000Z", "2027-01-01T00:00:00.000Z"),
    ],
)
def test_a_day_ends_at_midnight_in_utc(at: str, next_at: str) -> None:
    assert next_day(epoch_ms(at)) == next_at
