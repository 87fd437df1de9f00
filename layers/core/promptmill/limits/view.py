"""The answer of ``GET /v1/me/limits``. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from promptmill.clock import timestamp
from promptmill.limits.money import format_nanousd

if TYPE_CHECKING:
    from promptmill.limits.gcra import Standing
    from promptmill.limits.plan import Limits
    from promptmill.limits.spending.reservation import Account


def limits_view(limits: Limits, standing: Standing, account: Account, *, at_ms: int) -> dict[str, Any]:
    """Each limit, what is used of it and what is left. ``account`` is of the day of ``at_ms``; a day is one in UTC.

    Nothing is left, rather than less, where a limit was lowered below what is used.
    """
    allowed = limits.allowance
    resets_at = next_day(at_ms)
    reserved = account.nanousd - account.spent_nanousd
    return {
        "object": "limits",
        "plan": limits.plan,
        "requests": {
            "limit": limits.rate.limit,
            "period_seconds": limits.rate.period_seconds,
            "burst": limits.rate.burst,
            "remaining": standing.remaining,
            "reset_seconds": -(-standing.reset_ms // 1000),
        },
        "concurrent_jobs": _counted(allowed.concurrent_jobs, len(account.open_jobs)),
        "images_per_day": {**_counted(allowed.images_per_day, account.images), "resets_at": resets_at},
        "daily_usd": {
            "limit": format_nanousd(allowed.daily_nanousd),
            "spent": format_nanousd(account.spent_nanousd),
            "reserved": format_nanousd(reserved),
            "remaining": format_nanousd(max(0, allowed.daily_nanousd - account.nanousd)),
            "resets_at": resets_at,
        },
    }


def next_day(at_ms: int) -> str:
    """When the day of an instant ends, as a timestamp."""
    today = datetime.fromtimestamp(at_ms / 1000, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return timestamp(int((today + timedelta(days=1)).timestamp()) * 1000)


def _counted(limit: int, used: int) -> dict[str, int]:
    return {"limit": limit, "used": used, "remaining": max(0, limit - used)}
