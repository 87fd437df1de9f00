"""What follows from what a webhook answered. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from promptmill.clock import epoch_ms
from promptmill.events.webhooks.answer import SendError
from promptmill.events.webhooks.model import DeliveryStatus, DisabledReason
from promptmill.events.webhooks.schedule import ATTEMPTS, DAY_MS, MAX_PAUSE_MS, hold_ms, retry_at_ms

if TYPE_CHECKING:
    from promptmill.events.webhooks.answer import Answer
    from promptmill.events.webhooks.model import Delivery, Webhook

MAX_FAILING_MS = 5 * DAY_MS
"""A webhook that took nothing for so long is disabled when it fails again."""

SLOW_MS = 3_000
"""A failure that takes so long, as a name server or an address that does not answer does, keeps others waiting."""

WEBHOOK_DISABLED = "webhook_disabled"
"""Nothing was sent: the webhook is disabled or deleted."""
INTERRUPTED = "interrupted"
"""Nothing was sent: all the attempts there may be were begun, and the last one was cut off."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``status`` is the delivery's from now on, ``next_attempt_ms`` when to try again while that is pending."""

    status: DeliveryStatus
    next_attempt_ms: int | None = None


def attempts_of(delivery: Delivery) -> int:
    """How many attempts there may be."""
    return 1 if delivery.is_test else ATTEMPTS


def failing_for_ms(webhook: Webhook, *, at_ms: int) -> int:
    """How long the webhook has taken nothing of what it was sent; 0 after a pause."""
    if webhook.failing_since is None or webhook.last_failed_at is None:
        return 0
    is_pause = at_ms - epoch_ms(webhook.last_failed_at) > MAX_PAUSE_MS
    return 0 if is_pause else at_ms - epoch_ms(webhook.failing_since)


def held_until_ms(answer: Answer, webhook: Webhook, *, at_ms: int) -> int | None:
    """Until when others wait after an answer that came at ``at_ms`` and is a failure; None when they need not."""
    if answer.error is not SendError.TIMED_OUT and answer.duration_ms < SLOW_MS:
        return None
    return at_ms + hold_ms(failing_for_ms(webhook, at_ms=at_ms))


def why_disabled(answer: Answer, delivery: Delivery, webhook: Webhook, *, at_ms: int) -> DisabledReason | None:
    """Why nothing more is to be sent to the webhook, as it is known after this answer; None when there is no reason."""
    if answer.error is None:
        return None
    if answer.status_code == HTTPStatus.GONE:
        return DisabledReason.GONE
    if not delivery.is_test and failing_for_ms(webhook, at_ms=at_ms) >= MAX_FAILING_MS:
        return DisabledReason.FAILING
    return None


def judge(answer: Answer, delivery: Delivery, *, disabled: bool, at_ms: int, jitter: float) -> Verdict:
    """``disabled`` when the answer disabled its webhook; ``jitter`` is from 0 to 1."""
    if answer.error is None:
        return Verdict(DeliveryStatus.DELIVERED)
    if disabled or delivery.begun >= attempts_of(delivery):
        return Verdict(DeliveryStatus.FAILED)
    next_ms = retry_at_ms(delivery.begun, at_ms=at_ms, retry_after_seconds=answer.retry_after_seconds, jitter=jitter)
    return Verdict(DeliveryStatus.PENDING, next_ms)
