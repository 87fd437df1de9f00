"""The events of a user. The workflow publishes them."""

from __future__ import annotations

from typing import Any

from promptmill.clock import hashed_id, timestamp
from promptmill.events.envelope import VERSION


def user_deleted_event(user_id: str, *, at_ms: int, correlation_id: str, traceparent: str) -> dict[str, Any]:
    """The detail of ``user.deleted``: whose, and when they left. Its id is the same whoever makes it.

    The workflow puts the time at which the user's record was marked in the place of ``at_ms``.
    """
    return {
        "metadata": {
            "id": hashed_id("evt", f"{user_id}/deleted"),
            "version": VERSION,
            "occurred_at": timestamp(at_ms),
            "owner": user_id,
            "correlation_id": correlation_id,
            "traceparent": traceparent,
        },
        "data": {},
    }
