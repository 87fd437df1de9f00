"""What follows from what a webhook answered. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from promptmill.events.webhooks.answer import SendError
from promptmill.events.webhooks.model import DeliveryStatus, DisabledReason
from promptmill.events.webhooks.schedule import ATTEMPTS, DAY_MS, hold_ms, retry_at_ms

if TYPE_CHECKING:
    from promptmill.events.webhooks.answer import Answer
    from promptmill.events.webhooks.model import Delivery

MAX_FAILING_MS = 5 * DAY_MS
"""A webhook that took nothing for so long is disabled when it fails again."""

WEBHOOK_DISABLED = "webhook_disabled"
"""Nothing was sent: the webhook is disabled or deleted."""
INTERRUPTED = "interrupted"
"""Nothing was sent: all the attempts there may be were begun, and the last one was cut off."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``status`` is the delivery's from now on, ``next_attempt_ms`` when to try again while that is pending.

    ``disabled`` says why nothing is to be sent to the webhook any more, ``held_until_ms`` until when others wait.
    """

    status: DeliveryStatus
    next_attempt_ms: int | None = None
    disabled: DisabledReason | None = None
    held_until_ms: int | None = None


def attempts_of(delivery: Delivery) -> int:
    """How many attempts there may be."""
    return 1 if delivery.is_test else ATTEMPTS


def judge(answer: Answer, delivery: Delivery, *, failing_for_ms: int, at_ms: int, jitter: float) -> Verdict:
    """``failing_for_ms`` is how long the webhook has taken nothing, this time too; ``jitter`` is from 0 to 1."""
    if answer.error is None:
        return Verdict(DeliveryStatus.DELIVERED)
    if answer.status_code == HTTPStatus.GONE:
        return Verdict(DeliveryStatus.FAILED, disabled=DisabledReason.GONE)
    if failing_for_ms >= MAX_FAILING_MS:
        return Verdict(DeliveryStatus.FAILED, disabled=DisabledReason.FAILING)
    held_until_ms = at_ms + hold_ms(failing_for_ms) if answer.error is SendError.TIMED_OUT else None
    if delivery.begun >= attempts_of(delivery):
        return Verdict(DeliveryStatus.FAILED, held_until_ms=held_until_ms)
    next_ms = retry_at_ms(delivery.begun, at_ms=at_ms, retry_after_seconds=answer.retry_after_seconds, jitter=jitter)
    return Verdict(DeliveryStatus.PENDING, next_ms, held_until_ms=held_until_ms)
