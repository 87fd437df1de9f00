"""The bodies the routes of webhooks answer with, as ``schemas`` has the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from promptmill.events.names import EventName
from promptmill.events.webhooks.model import DeliveryStatus, DisabledReason, WebhookStatus
from promptmill.http.schemas import Answer, Timestamp

if TYPE_CHECKING:
    from pydantic import BaseModel


class Webhook(Answer):
    id: str
    object: Literal["webhook"]
    url: str
    events: list[EventName]
    owner: str | None = Field(description="The user whose events it is sent; null for those of everybody.")
    status: WebhookStatus
    disabled_reason: DisabledReason | None = Field(
        description="`asked`: an admin did; `gone`: it answered 410; `failing`: it took nothing for days."
    )
    disabled_at: str | None = Timestamp
    failing_since: str | None = Field(
        description="When the first failure was that no success, nor a pause of about a day, has followed.",
        json_schema_extra={"format": "date-time"},
    )
    previous_secret_expires_at: str | None = Field(
        description="Until when the secret before the newest signs too.", json_schema_extra={"format": "date-time"}
    )
    created_at: str = Timestamp


class NewWebhook(Webhook):
    secret: str = Field(
        description="`whsec_` and base64: what signatures are verified with, as Standard Webhooks says. Shown once."
    )


class WebhookList(Answer):
    object: Literal["list"]
    data: list[Webhook] = Field(description="Newest first.")
    has_more: bool
    next_cursor: str | None


class WebhookAttempt(Answer):
    at: str = Timestamp
    duration_ms: int
    status_code: int | None = Field(description="What was answered; null where nothing was.")
    error: str | None = Field(description="Why it does not count as received; null where it does.")


class WebhookDelivery(Answer):
    id: str = Field(description="The event's, which is sent as `webhook-id`.")
    object: Literal["webhook_delivery"]
    webhook_id: str
    event: str = Field(description="The name of the event; `webhook.test` for a test.")
    status: DeliveryStatus
    created_at: str = Timestamp
    next_attempt_at: str | None = Field(
        description="Null once nothing more is tried.", json_schema_extra={"format": "date-time"}
    )
    last_attempt: WebhookAttempt | None


class WebhookDeliveryLog(WebhookDelivery):
    attempts: list[WebhookAttempt] = Field(description="In the order they were made, the last 50.")


class WebhookDeliveryList(Answer):
    object: Literal["list"]
    data: list[WebhookDelivery] = Field(description="Newest first.")
    has_more: bool
    next_cursor: str | None


WEBHOOK_ANSWERS: tuple[type[BaseModel], ...] = (
    Webhook,
    NewWebhook,
    WebhookList,
    WebhookDelivery,
    WebhookDeliveryLog,
    WebhookDeliveryList,
)
