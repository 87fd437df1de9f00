"""Makes the AsyncAPI document from the catalogue: the bus, and what is sent to webhooks.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptmill.events.catalogue import ON_THE_BUS, TO_WEBHOOKS
from promptmill.events.catalogue.schema import component_schemas
from promptmill.events.names import EventName

if TYPE_CHECKING:
    from promptmill.events.catalogue.model import Event

DESCRIPTION = """What happened, told to whoever subscribes: ids and figures, never a prompt, a result, or a link that
grants access.

Delivery is at least once and in no order. `metadata.id` is the same for every delivery of an event, so keep it to
recognise a repeat; `metadata.sequence` orders the events of one job. Ignore fields and values that you do not know:
version 1 only ever gets more of them. What would break a subscriber is a new event, such as `job.succeeded.v2`, sent
beside the old one for 90 days."""
BUS = {
    "host": "events.{region}.amazonaws.com",
    "protocol": "eventbridge",
    "description": "Amazon EventBridge. Subscribe with a rule on the stage's bus.",
    "variables": {"region": {"description": "The AWS Region of the stage."}},
}
RECEIVER = {
    "host": "{receiver}",
    "protocol": "https",
    "description": "The host of a webhook's URL, on port 443.",
    "variables": {"receiver": {"description": "A public host name."}},
}
ENVELOPE = {
    "type": "object",
    "description": "What EventBridge puts around an event.",
    "required": ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"],
    "properties": {
        "version": {"type": "string"},
        "id": {"type": "string", "description": "EventBridge's own: another one when the event is published again."},
        "detail-type": {"type": "string"},
        "source": {"type": "string"},
        "account": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
        "region": {"type": "string"},
        "resources": {"type": "array", "items": {"type": "string"}},
        "detail": {"type": "object"},
    },
}
STANDARD_WEBHOOK = {
    "summary": "Signed as Standard Webhooks says.",
    "externalDocs": {"url": "https://www.standardwebhooks.com"},
    "headers": {
        "type": "object",
        "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
        "properties": {
            "webhook-id": {"type": "string", "description": "The event's id, the same at every attempt."},
            "webhook-timestamp": {
                "type": "string",
                "pattern": "^[0-9]+$",
                "description": "When this attempt was made, in seconds since the epoch. Refuse one that is minutes "
                "off: somebody may have kept it to send it again.",
            },
            "webhook-signature": {
                "type": "string",
                "pattern": "^v1,[A-Za-z0-9+/]+=*( v1,[A-Za-z0-9+/]+=*)*$",
                "description": "The base64 HMAC-SHA256 of `webhook-id.webhook-timestamp.body`, the body byte for byte. "
                "The key is what stands behind `whsec_` in the webhook's secret, decoded from base64. While the secret "
                "is rotated there are two: one of them has to be right.",
            },
        },
    },
}


def asyncapi_document() -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Promptmill events", "version": "1", "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "servers": {"bus": BUS, "receiver": RECEIVER},
        "channels": {
            "bus": {
                "address": "promptmill-{stage}",
                "description": "The event bus of a stage, an output and an SSM parameter of its stack.",
                "servers": [{"$ref": "#/servers/bus"}],
                "parameters": {"stage": {"description": "The stage.", "examples": ["dev", "prod"]}},
                "messages": {event.name: _reference("messages", f"bus.{event.name}") for event in ON_THE_BUS},
            },
            "webhook": {
                "address": "{path}",
                "description": "The URL of a webhook.",
                "servers": [{"$ref": "#/servers/receiver"}],
                "parameters": {"path": {"description": "Its path and query."}},
                "messages": {event.name: _reference("messages", f"webhook.{event.name}") for event in TO_WEBHOOKS},
            },
        },
        "operations": {
            "publishEvent": {
                "action": "send",
                "channel": {"$ref": "#/channels/bus"},
                "summary": "Every event of the stage is put on its bus.",
            },
            "callWebhook": {
                "action": "send",
                "channel": {"$ref": "#/channels/webhook"},
                "summary": "A webhook is posted the events it asked for.",
                "description": "A 2xx within 15 seconds means received. Anything else, a redirect too, is tried again "
                "after 5 seconds, 5 and 30 minutes, 2, 5, 10, 14, 20 and 24 hours, or when `Retry-After` says; 410 "
                "switches the webhook off. After an attempt that failed and took three seconds or longer, one event at "
                "a time is tried, a minute apart at first, ten later, until one is received or refused sooner.",
                "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
            },
        },
        "components": {
            "messages": {
                **{f"bus.{event.name}": _bus_message(event) for event in ON_THE_BUS},
                **{f"webhook.{event.name}": _webhook_message(event) for event in TO_WEBHOOKS},
            },
            "messageTraits": {"StandardWebhook": STANDARD_WEBHOOK},
            "schemas": {"EventBridgeEvent": ENVELOPE, **component_schemas(TO_WEBHOOKS)},
        },
    }


def _bus_message(event: type[Event]) -> dict[str, Any]:
    source = EventName(event.name).source
    own = {
        "detail-type": {"const": event.name},
        "source": {"const": source},
        "detail": _reference("schemas", event.__name__),
    }
    example = {
        "version": "0",
        "id": "8e1f6a52-1f0c-4a6e-9d63-5b1d2c7a9e40",
        "detail-type": event.name,
        "source": source,
        "account": "123456789012",
        "time": "2026-11-21T10:00:01Z",
        "region": "us-east-1",
        "resources": [],
        "detail": event.example,
    }
    return {
        "name": event.name,
        "summary": event.__doc__,
        "payload": {"allOf": [_reference("schemas", "EventBridgeEvent"), {"type": "object", "properties": own}]},
        "correlationId": {"location": "$message.payload#/detail/metadata/correlation_id"},
        "examples": [{"payload": example}],
    }


def _webhook_message(event: type[Event]) -> dict[str, Any]:
    own = {
        "type": "object",
        "required": ["type", "timestamp"],
        "properties": {
            "type": {"const": event.name},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
        },
    }
    example = {"type": event.name, "timestamp": event.example["metadata"]["occurred_at"], **event.example}
    return {
        "name": event.name,
        "summary": event.__doc__,
        "traits": [_reference("messageTraits", "StandardWebhook")],
        "payload": {"allOf": [own, _reference("schemas", event.__name__)]},
        "correlationId": {"location": "$message.payload#/metadata/correlation_id"},
        "examples": [{"payload": example}],
    }


def _reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
