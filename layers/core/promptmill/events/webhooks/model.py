"""Webhooks, and the deliveries of events to them. Pure.

An item ``WEBHOOK#<id>`` / ``WEBHOOK`` is a webhook; below the same key, ``DELIVERY#<event id>`` is one event on its way
to it. An event goes to a webhook once, so the event's id is the delivery's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from promptmill.clock import timestamp

if TYPE_CHECKING:
    from promptmill.events.names import EventName

EVERYBODY = "everybody"
"""In the place of an owner: a webhook that is sent the events of all."""
MAX_WEBHOOKS = 20
"""How many webhooks are sent the events of one owner, and how many those of everybody."""
SECRET_BYTES = 32
DEFAULT_OVERLAP_SECONDS = 86_400
MAX_OVERLAP_SECONDS = 7 * 86_400


class WebhookStatus(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"


class DisabledReason(StrEnum):
    """Why nothing is sent to a webhook."""

    ASKED = "asked"
    """Somebody switched it off."""
    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """For days it took nothing."""


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Secret:
    """``value`` is ``whsec_`` and base64. ``valid_until`` is None for the newest one."""

    value: str
    valid_until: str | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """``owner`` is the user whose events are sent, None for everybody's. ``secrets`` has the newest first.

    ``failing_since`` is when the first of the failures began that neither a success nor a long pause has followed,
    ``last_failed_at`` when the last one did; a test that fails is none. The last one took long when there is a
    ``held_until``, before which no other delivery to it is tried.
    """

    id: str
    url: str
    events: frozenset[EventName]
    owner: str | None
    secrets: tuple[Secret, ...]
    status: WebhookStatus
    created_at: str
    disabled_reason: DisabledReason | None = None
    disabled_at: str | None = None
    failing_since: str | None = None
    last_failed_at: str | None = None
    held_until: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """``status_code`` is what was answered, None where nothing was; ``error`` says why it did not count as received."""

    at: str
    duration_ms: int
    status_code: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """``id`` is the event's; ``body`` what is sent, and sent again, to the byte. A test is tried once.

    ``begun`` counts the attempts of the present schedule, which a redelivery begins anew; one that was cut off is not
    in ``attempts``. Until ``claimed_until``, somebody is at an attempt.
    """

    webhook_id: str
    id: str
    event: str
    body: str
    correlation_id: str
    status: DeliveryStatus
    created_at: str
    attempts: tuple[Attempt, ...] = ()
    next_attempt_at: str | None = None
    is_test: bool = False
    begun: int = 0
    claimed_until: str | None = None


def changed(
    webhook: Webhook,
    *,
    url: str | None = None,
    events: frozenset[EventName] = frozenset(),
    status: WebhookStatus | None = None,
    at_ms: int,
) -> Webhook:
    """The webhook as an admin has it from now on; None, and no events, leave what is.

    Another URL or status is a new beginning.
    """
    after = replace(webhook, url=url or webhook.url, events=events or webhook.events, status=status or webhook.status)
    if (after.url, after.status) != (webhook.url, webhook.status):
        after = replace(after, failing_since=None, last_failed_at=None, held_until=None)
    if after.status is webhook.status:
        return after
    if after.status is WebhookStatus.DISABLED:
        return disabled(after, DisabledReason.ASKED, at_ms=at_ms)
    return replace(after, disabled_reason=None, disabled_at=None)


def disabled(webhook: Webhook, reason: DisabledReason, *, at_ms: int) -> Webhook:
    """The webhook that nothing is sent to any more."""
    return replace(webhook, status=WebhookStatus.DISABLED, disabled_reason=reason, disabled_at=timestamp(at_ms))


def rotated(webhook: Webhook, *, secret: str, overlap_seconds: int, at_ms: int) -> Webhook:
    """The webhook with a new secret; the newest one until now signs for the overlap too, an older one ends at once."""
    newest = replace(webhook.secrets[0], valid_until=timestamp(at_ms + overlap_seconds * 1000))
    return replace(webhook, secrets=(Secret(secret), *((newest,) if overlap_seconds else ())))
