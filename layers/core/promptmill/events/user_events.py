"""The events of a user. The workflow publishes them."""

from __future__ import annotations

from typing import Any

from promptmill.clock import hashed_id, timestamp
from promptmill.events.envelope import VERSION


def deletion_name(user_id: str, *, at_ms: int) -> str:
    """What a deletion of the user that is asked for at this time is called, ``usr_…-2026-11-21``: one a day, of UTC."""
    return f"{user_id}-{timestamp(at_ms)[:10]}"


def user_deleted_event(user_id: str, *, at_ms: int, correlation_id: str, traceparent: str) -> dict[str, Any]:
    """The detail of ``user.deleted``: whose, and when they left. Its id is the deletion's.

    The workflow puts the time at which the user's record was marked in the place of ``at_ms``.
    """
    return {
        "metadata": {
            "id": hashed_id("evt", deletion_name(user_id, at_ms=at_ms)),
            "version": VERSION,
            "occurred_at": timestamp(at_ms),
            "owner": user_id,
            "correlation_id": correlation_id,
            "traceparent": traceparent,
        },
        "data": {},
    }
