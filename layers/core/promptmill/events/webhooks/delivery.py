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
        if webhook is not None and self._is_put_off(webhook, delivery_id, at_ms=at_ms, jitter=jitter):
            return None
        delivery = self.deliveries.claim(webhook_id, delivery_id, at_ms=at_ms)
        if delivery is None:
            return None
        if webhook is None:
            self._end_unsent(delivery, WEBHOOK_DISABLED, at_ms=at_ms)
            return None
        if delivery.begun > attempts_of(delivery):
            self._end_unsent(delivery, INTERRUPTED, at_ms=at_ms)
            return None
        if not delivery.is_test and self._gives_way(delivery, webhook, at_ms=at_ms, jitter=jitter):
            return None
        return self._send(delivery, webhook, at_ms=at_ms, jitter=jitter)

    def _webhook(self, webhook_id: str) -> Webhook | None:
        """The webhook, if anything may be sent to it."""
        try:
            webhook = self.endpoints.get(webhook_id)
        except WebhookNotFound:
            return None
        return webhook if webhook.status is WebhookStatus.ENABLED else None

    def _is_put_off(self, webhook: Webhook, delivery_id: str, *, at_ms: int, jitter: float) -> bool:
        """Whether what is due waits for a hold to end: one write for each of the many that do, and no attempt."""
        if webhook.held_until is None or at_ms >= epoch_ms(webhook.held_until):
            return False
        failing_ms = failing_for_ms(webhook, at_ms=at_ms)
        until_ms = held_off_ms(epoch_ms(webhook.held_until), failing_for_ms=failing_ms, jitter=jitter)
        if not self.deliveries.put_off(webhook.id, delivery_id, until_ms=until_ms, at_ms=at_ms):
            return False
        self._ask(webhook.id, delivery_id, due_ms=until_ms, at_ms=at_ms)
        return True

    def _gives_way(self, delivery: Delivery, webhook: Webhook, *, at_ms: int, jitter: float) -> bool:
        """Whether, after a hold, somebody else was first to show if the webhook answers again.

        Otherwise the others wait for this one from now on.
        """
        if webhook.held_until is None:
            return False
        failing_ms = failing_for_ms(webhook, at_ms=at_ms)
        held_until_ms = at_ms + hold_ms(failing_ms)
        if self.endpoints.hold(webhook, until_ms=held_until_ms, at_ms=at_ms):
            return False
        until_ms = held_off_ms(held_until_ms, failing_for_ms=failing_ms, jitter=jitter)
        if self.deliveries.give_back(delivery, until_ms=until_ms, at_ms=at_ms):
            self._ask(delivery.webhook_id, delivery.id, due_ms=until_ms, at_ms=at_ms)
        return True

    def _send(self, delivery: Delivery, webhook: Webhook, *, at_ms: int, jitter: float) -> Attempted:
        body = delivery.body.encode()
        answer = self.sender.send(webhook.url, body, signed_headers(delivery.id, body, webhook.secrets, at_ms=at_ms))
        ended_ms = at_ms + answer.duration_ms
        disabled = self._note(answer, delivery, webhook, at_ms=at_ms, ended_ms=ended_ms)
        verdict = judge(answer, delivery, disabled=disabled, at_ms=ended_ms, jitter=jitter)
        attempt = Attempt(timestamp(at_ms), answer.duration_ms, answer.status_code, answer.error)
        self._record(delivery, attempt, verdict, at_ms=ended_ms)
        if verdict.next_attempt_ms is not None:
            self._ask(delivery.webhook_id, delivery.id, due_ms=verdict.next_attempt_ms, at_ms=ended_ms)
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

    def _ask(self, webhook_id: str, delivery_id: str, *, due_ms: int, at_ms: int) -> None:
        """Sends the message for an attempt that is due so soon that one can wait for it."""
        if is_soon(due_ms, at_ms=at_ms):
            seconds = delay_seconds(due_ms, at_ms=at_ms)
            self.queue.send(webhook_id, delivery_id, delay_seconds=seconds)
