"""Webhooks for the tests, with everything that a test does not care about filled in."""

from __future__ import annotations

from typing import Any

from promptmill.clock import new_id, random_hex
from promptmill.events.names import EventName
from promptmill.events.webhooks.endpoints.store import EndpointStore, new_secret
from promptmill.events.webhooks.model import Secret, Webhook, WebhookStatus
from tests.support.builders import AT, AT_MS

WEBHOOK_URL = "https://hooks.example.com/promptmill"


def a_webhook(*, at_ms: int = AT_MS, **fields: Any) -> Webhook:
    """An enabled webhook of everybody's outcomes, unless ``fields`` say otherwise."""
    return Webhook(
        **{
            "id": new_id("whk", at_ms),
            "url": WEBHOOK_URL,
            "events": frozenset({EventName.JOB_SUCCEEDED, EventName.JOB_FAILED}),
            "owner": None,
            "secrets": (Secret(new_secret()),),
            "status": WebhookStatus.ENABLED,
            "created_at": AT,
            **fields,
        }
    )


def added(endpoints: EndpointStore, **fields: Any) -> Webhook:
    """The same, stored."""
    webhook = a_webhook(**fields)
    endpoints.add(webhook)
    return webhook


def an_owner() -> str:
    """The id of a user."""
    return f"usr_{random_hex(16)}"
