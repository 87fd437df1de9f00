"""What is sent to webhooks and is never on the bus."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from promptmill.clock import id_pattern
from promptmill.events.catalogue.model import Event, Metadata, Model, User, example_of_a_user


class WebhookTestMetadata(Metadata):
    owner: Annotated[User, Field(description="Who asked for the test.")]


class WebhookTestData(Model):
    webhook_id: Annotated[str, Field(pattern=id_pattern("whk"), description="The webhook that is tried.")]


class WebhookTest(Event):
    """Somebody tries whether a webhook receives; nothing happened."""

    metadata: WebhookTestMetadata
    data: WebhookTestData

    name = "webhook.test"
    example = example_of_a_user("evt_01KAHNM8T0G7J0M3P6R9T2W5Y8", {"webhook_id": "whk_01KAHNM8T0H8K1N4Q7S0V3X6Z9"})
