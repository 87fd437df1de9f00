"""Webhooks and their deliveries as admins and operators see them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptmill.events.webhooks.model import Attempt, Delivery, Webhook


def webhook_view(webhook: Webhook) -> dict[str, Any]:
    """Everything of a webhook but what it is signed with."""
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": sorted(webhook.events),
        "owner": webhook.owner,
        "status": webhook.status,
        "disabled_reason": webhook.disabled_reason,
        "disabled_at": webhook.disabled_at,
        "failing_since": webhook.failing_since,
        "created_at": webhook.created_at,
    }


def delivery_view(delivery: Delivery) -> dict[str, Any]:
    """A delivery without its attempts, and without what was sent, which is its event's owner's."""
    return {
        "id": delivery.id,
        "event": delivery.event,
        "status": delivery.status,
        "created_at": delivery.created_at,
        "next_attempt_at": delivery.next_attempt_at,
    }


def attempt_view(attempt: Attempt) -> dict[str, Any]:
    """One attempt: when, how long it took, what was answered."""
    return {
        "at": attempt.at,
        "duration_ms": attempt.duration_ms,
        "status_code": attempt.status_code,
        "error": attempt.error,
    }
