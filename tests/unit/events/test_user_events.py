"""The event of a user who left: what its subscribers may rely on."""

from __future__ import annotations

from typing import Any

import pytest

from promptmill.clock import epoch_ms, is_id
from promptmill.events.user_events import deletion_name, user_deleted_event
from tests.support.builders import AT, AT_MS, TRACEPARENT

DAY_MS = 86_400_000
USER = f"usr_{'7' * 32}"


def deleted(user_id: str = USER, at_ms: int = AT_MS) -> dict[str, Any]:
    return user_deleted_event(user_id, at_ms=at_ms, correlation_id="req-1", traceparent=TRACEPARENT)


def test_a_deleted_event_says_whose_and_when_and_nothing_else() -> None:
    event = deleted()
    assert event == {
        "metadata": {
            "id": event["metadata"]["id"],
            "version": "1",
            "occurred_at": AT,
            "owner": USER,
            "correlation_id": "req-1",
            "traceparent": TRACEPARENT,
        },
        "data": {},
    }


def test_a_deletion_is_announced_under_one_id_and_another_days_under_another() -> None:
    asked = ((USER, AT_MS), (USER, AT_MS + 1), (f"usr_{'8' * 32}", AT_MS), (USER, AT_MS + DAY_MS))
    first, again, other, later = (deleted(*one)["metadata"]["id"] for one in asked)
    assert first == again
    assert len({first, other, later}) == 3
    assert is_id("evt", first)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2026-11-21T00:00:00.000Z", "2026-11-21"),
        ("2026-11-21T23:59:59.999Z", "2026-11-21"),
        ("2026-11-22T00:30:00+01:00", "2026-11-21"),
    ],
)
def test_a_deletion_is_named_after_the_user_and_the_day_of_utc(at: str, day: str) -> None:
    assert deletion_name(USER, at_ms=epoch_ms(at)) == f"{USER}-{day}"
