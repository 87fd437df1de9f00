"""The bodies of the routes of webhooks: what is accepted, and the limits of every field."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from promptmill.events.names import EventName
from promptmill.events.webhooks.model import DEFAULT_OVERLAP_SECONDS, MAX_OVERLAP_SECONDS, WebhookStatus
from promptmill.events.webhooks.url import MAX_URL_LENGTH
from promptmill.http.admin_requests import USER_ID

Url = Annotated[
    str,
    Field(
        max_length=MAX_URL_LENGTH,
        description="Where events are posted to: https on port 443 of a public host, without a user or a fragment.",
        json_schema_extra={"format": "uri"},
    ),
]
Events = Annotated[list[EventName], Field(min_length=1, description="The events it is sent.")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class CreateWebhook(_Body):
    """What a new webhook is to be."""

    url: Url
    events: Events
    owner: Annotated[
        str | None,
        Field(
            pattern=USER_ID,
            description="The user whose events it is sent, other than `user.deleted`; left out, those of everybody.",
        ),
    ] = None


class ChangeWebhook(_Body):
    """What is to be different. What is left out, or null, stays as it is."""

    url: Url | None = None
    events: Events | None = None
    status: Annotated[
        WebhookStatus | None, Field(description="A disabled webhook is sent nothing, nor later what it missed.")
    ] = None


class RotateWebhook(_Body):
    """How a secret is followed by another."""

    overlap_seconds: Annotated[
        StrictInt, Field(ge=0, le=MAX_OVERLAP_SECONDS, description="How long the secret until now signs too.")
    ] = DEFAULT_OVERLAP_SECONDS
