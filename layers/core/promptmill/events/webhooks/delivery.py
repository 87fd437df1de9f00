"""One attempt to deliver an event to a webhook: whether it is to be made now, and what follows from it.

Every step may be the last one: what a webhook is known for is written before what became of the delivery, and that
before a message asks for the next attempt, so what is cut off is made again, and found again without a message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptmill.clock import epoch_ms, timestamp
from promptmill.errors import WebhookNotFound
from promptmill.events.webhooks.judgement import (
    INTERRUPTED,
    WEBHOOK_DISABLED,
    Verdict,
    attempts_of,
    failing_for_ms,
    held_until_ms,
    judge,
    why_disabled,
)
from promptmill.events.webhooks.model import Attempt, DeliveryStatus, WebhookStatus
from promptmill.events.webhooks.schedule import delay_seconds, held_off_ms, hold_ms, is_soon
from promptmill.events.webhooks.signature import signed_headers
from promptmill.step_log import log_attempt, log_disabled

if TYPE_CHECKING:
    from promptmill.events.webhooks.answer import Answer
    from promptmill.events.webhooks.deliveries.gateway import DeliveryQueue
    from promptmill.events.webhooks.deliveries.store import DeliveryStore
    from promptmill.events.webhooks.endpoints.store import EndpointStore
    from promptmill.events.webhooks.gateway import WebhookSender
    from promptmill.events.webhooks.model import Delivery, Webhook


@dataclass(frozen=True, slots=True)
class Attempted:
    """What one attempt came to: ``failed`` unless the event was received, ``disabled`` when that ended the webhook."""

    failed: bool
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The outside parts an attempt is made with."""

    endpoints: EndpointStore
    deliveries: DeliveryStore
    queue: DeliveryQueue
    sender: WebhookSender

    def attempt(self, webhook_id: str, delivery_id: str, *, at_ms: int, jitter: float) -> Attempted | None:
        """Makes the attempt that is due, if one is, and nobody else is at it; ``jitter`` is from 0 to 1.

        None where nothing was sent: nothing was due, the webhook is disabled or deleted, which ends the delivery, or
        it is held, which puts off all but a test. Raises ``StoreUnavailable`` and ``QueueUnavailable``; then what was
        not written down is done again.
        """
        webhook = self._webhook(webhook_id)
        delivery = self.deliveries.claim(webhook_id, delivery_id, at_ms=at_ms)
        if delivery is None:
            return None
        if webhook is None:
            self._end_unsent(delivery, WEBHOOK_DISABLED, at_ms=at_ms)
            return None
        if delivery.begun > attempts_of(delivery):
            self._end_unsent(delivery, INTERRUPTED, at_ms=at_ms)
            return None
        wait_until_ms = None if delivery.is_test else self._wait_until_ms(webhook, at_ms=at_ms)
        if wait_until_ms is not None:
            self._put_off(delivery, until_ms=held_off_ms(wait_until_ms, jitter=jitter), at_ms=at_ms)
            return None
        return self._send(delivery, webhook, at_ms=at_ms, jitter=jitter)

    def _webhook(self, webhook_id: str) -> Webhook | None:
        """The webhook, if anything may be sent to it."""
        try:
            webhook = self.endpoints.get(webhook_id)
        except WebhookNotFound:
            return None
        return webhook if webhook.status is WebhookStatus.ENABLED else None

    def _wait_until_ms(self, webhook: Webhook, *, at_ms: int) -> int | None:
        """Until when the attempt has to wait; None when it is to be made, which others then wait for.

        After a hold, the first one shows whether the webhook answers again.
        """
        if webhook.held_until is None:
            return None
        until_ms = epoch_ms(webhook.held_until)
        if at_ms < until_ms:
            return until_ms
        next_ms = at_ms + hold_ms(failing_for_ms(webhook, at_ms=at_ms))
        return None if self.endpoints.hold(webhook, until_ms=next_ms, at_ms=at_ms) else next_ms

    def _put_off(self, delivery: Delivery, *, until_ms: int, at_ms: int) -> None:
        if self.deliveries.put_off(delivery, until_ms=until_ms, at_ms=at_ms):
            self._ask(delivery, due_ms=until_ms, at_ms=at_ms)

    def _send(self, delivery: Delivery, webhook: Webhook, *, at_ms: int, jitter: float) -> Attempted:
        body = delivery.body.encode()
        answer = self.sender.send(webhook.url, body, signed_headers(delivery.id, body, webhook.secrets, at_ms=at_ms))
        ended_ms = at_ms + answer.duration_ms
        disabled = self._note(answer, delivery, webhook, at_ms=at_ms, ended_ms=ended_ms)
        verdict = judge(answer, delivery, disabled=disabled, at_ms=ended_ms, jitter=jitter)
        attempt = Attempt(timestamp(at_ms), answer.duration_ms, answer.status_code, answer.error)
        self._record(delivery, attempt, verdict, at_ms=ended_ms)
        if verdict.next_attempt_ms is not None:
            self._ask(delivery, due_ms=verdict.next_attempt_ms, at_ms=ended_ms)
        return Attempted(failed=answer.error is not None, disabled=disabled)

    def _note(self, answer: Answer, delivery: Delivery, webhook: Webhook, *, at_ms: int, ended_ms: int) -> bool:
        """Writes down what the webhook is known for now; whether this disabled it.

        A test that fails says nothing about it, unless that it is gone.
        """
        if answer.error is None:
            self.endpoints.note_success(webhook)
        elif not delivery.is_test:
            until_ms = held_until_ms(answer, webhook, at_ms=ended_ms)
            webhook = self.endpoints.note_failure(webhook, at_ms=at_ms, held_until_ms=until_ms)
        reason = why_disabled(answer, delivery, webhook, at_ms=ended_ms)
        if reason is None or not self.endpoints.disable(webhook, reason, at_ms=ended_ms):
            return False
        log_disabled(
            webhook_id=webhook.id,
            event_id=delivery.id,
            correlation_id=delivery.correlation_id,
            reason=reason.value,
        )
        return True

    def _end_unsent(self, delivery: Delivery, reason: str, *, at_ms: int) -> None:
        attempt = Attempt(timestamp(at_ms), duration_ms=0, error=reason)
        self._record(delivery, attempt, Verdict(DeliveryStatus.FAILED), at_ms=at_ms)

    def _record(self, delivery: Delivery, attempt: Attempt, verdict: Verdict, *, at_ms: int) -> None:
        self.deliveries.record(delivery, attempt, verdict.status, at_ms=at_ms, next_attempt_ms=verdict.next_attempt_ms)
        log_attempt(
            webhook_id=delivery.webhook_id,
            event_id=delivery.id,
            correlation_id=delivery.correlation_id,
            attempt=delivery.begun,
            outcome=verdict.status.value,
            status_code=attempt.status_code,
            reason=attempt.error,
            duration_ms=attempt.duration_ms,
        )

    def _ask(self, delivery: Delivery, *, due_ms: int, at_ms: int) -> None:
        """Sends the message for an attempt that is due so soon that one can wait for it."""
        if is_soon(due_ms, at_ms=at_ms):
            seconds = delay_seconds(due_ms, at_ms=at_ms)
            self.queue.send(delivery.webhook_id, delivery.id, delay_seconds=seconds)
