"""What is sent to webhooks and is never on the bus."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from promptmill.clock import id_pattern
from promptmill.events.catalogue.model import (
    EXAMPLE_AT,
    EXAMPLE_CORRELATION_ID,
    CorrelationId,
    Event,
    EventId,
    Instant,
    Model,
)


class WebhookTestMetadata(Model):
    id: EventId
    version: Literal["1"]
    occurred_at: Instant
    correlation_id: CorrelationId


class WebhookTestFacts(Model):
    webhook_id: Annotated[str, Field(pattern=id_pattern("whk"), description="The webhook that is tried.")]


class WebhookTest(Event):
    """Somebody tries whether a webhook receives; nothing else happened."""

    metadata: WebhookTestMetadata
    data: WebhookTestFacts

    name = "webhook.test"
    example: ClassVar[dict[str, Any]] = {
        "metadata": {
            "id": "evt_01KAHNM8T0G7J0M3P6R9T2W5Y8",
            "version": "1",
            "occurred_at": EXAMPLE_AT,
            "correlation_id": EXAMPLE_CORRELATION_ID,
        },
        "data": {"webhook_id": "whk_01KAHNM8T0H8K1N4Q7S0V3X6Z9"},
    }
