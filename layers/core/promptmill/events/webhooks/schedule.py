"""When a webhook is tried again. Pure.

The intervals are those of Standard Webhooks
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#delivery-and-retries).
"""

from __future__ import annotations

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

INTERVALS_MS = (
    5_000,
    5 * MINUTE_MS,
    30 * MINUTE_MS,
    2 * HOUR_MS,
    5 * HOUR_MS,
    10 * HOUR_MS,
    14 * HOUR_MS,
    20 * HOUR_MS,
    24 * HOUR_MS,
)
"""How long after an attempt that failed the next one comes; after the last of these there is none."""

ATTEMPTS = len(INTERVALS_MS) + 1

JITTER = 0.1
"""The part of an interval that chance may add to it, so that what failed together does not come back together."""

MAX_RETRY_AFTER_MS = DAY_MS

MAX_DELAY_MS = 15 * MINUTE_MS
"""The longest that SQS keeps a message back: for an attempt that is due by then, one is sent at once."""

# How late such a message may be before another one is sent.
MESSAGE_MS = MINUTE_MS

MAX_PAUSE_MS = round(INTERVALS_MS[-1] * (1 + JITTER)) + HOUR_MS
"""Failures further apart than any two attempts of a delivery are not one failing."""

MIN_HOLD_MS = MINUTE_MS
MAX_HOLD_MS = 10 * MINUTE_MS


def retry_at_ms(begun: int, *, at_ms: int, retry_after_seconds: int | None, jitter: float) -> int | None:
    """When to try again after the attempt number ``begun``, counted from 1, failed at ``at_ms``; None for not at all.

    Not before the receiver asked for, though for a day at most. ``jitter`` is from 0 to 1.
    """
    if begun >= ATTEMPTS:
        return None
    interval_ms = round(INTERVALS_MS[begun - 1] * (1 + JITTER * jitter))
    asked_ms = min((retry_after_seconds or 0) * 1000, MAX_RETRY_AFTER_MS)
    return at_ms + max(interval_ms, asked_ms)


def hold_ms(failing_for_ms: int) -> int:
    """How long others wait when a webhook that has been failing for so long is tried, or took long to fail.

    Half as long again as it has lasted, from one minute to ten.
    """
    return min(max(failing_for_ms // 2, MIN_HOLD_MS), MAX_HOLD_MS)


def held_off_ms(held_until_ms: int, *, failing_for_ms: int, jitter: float) -> int:
    """When to try what waited for a hold to end: it is one of many, so they are spread.

    Over half as long as who has been failing so long is held, and a minute at least. ``jitter`` is from 0 to 1.
    """
    return held_until_ms + round(max(hold_ms(failing_for_ms) // 2, MINUTE_MS) * jitter)


def is_soon(due_ms: int, *, at_ms: int) -> bool:
    """Whether a message sent at ``at_ms`` can ask for an attempt that is due then."""
    return due_ms - at_ms <= MAX_DELAY_MS


def delay_seconds(due_ms: int, *, at_ms: int) -> int:
    """How long SQS keeps back a message for what is due then: in whole seconds, of which a part counts as one."""
    return -((at_ms - due_ms) // 1000)


def look_at_ms(due_ms: int, *, at_ms: int) -> int:
    """When to send a message for an attempt that is due then, unless it began: the first one, where none was sent."""
    return due_ms + MESSAGE_MS if is_soon(due_ms, at_ms=at_ms) else due_ms
