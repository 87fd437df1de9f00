"""The event of a user who left: what its subscribers may rely on."""

from __future__ import annotations

from typing import Any

from promptmill.clock import is_id
from promptmill.events.user_events import user_deleted_event
from tests.support.builders import AT, AT_MS, TRACEPARENT

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


def test_a_user_is_deleted_under_one_id_whenever_the_event_is_made() -> None:
    first, again, other = (deleted(*one)["metadata"]["id"] for one in ((), (USER, AT_MS + 1), (f"usr_{'8' * 32}",)))
    assert first == again != other
    assert is_id("evt", first)
