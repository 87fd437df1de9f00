"""RateLimit and RateLimit-Policy, as structured fields: draft-ietf-httpapi-ratelimit-headers-10."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptmill.limits.gcra import RatePolicy, Standing


def rate_headers(now: Standing, policy: RatePolicy, *, taken: int = 0) -> dict[str, str]:
    """``r`` is what is left after ``taken`` more requests; ``t`` the seconds, rounded up, until one more is free."""
    remaining = max(0, now.remaining - taken)
    reset_ms = now.reset_ms or (policy.interval_ms if taken else 0)
    return {
        "RateLimit-Policy": f'"{policy.name}";q={policy.limit};w={policy.period_seconds}',
        "RateLimit": f'"{policy.name}";r={remaining};t={-(-reset_ms // 1000)}',
    }
