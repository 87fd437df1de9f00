"""What is published about the events: schemas that leave room for more, and the AsyncAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from promptmill.events.asyncapi import asyncapi_document
from promptmill.events.catalogue.schema import event_schema
from promptmill.events.names import EventName
from tests.support.published import CATALOGUE, at, example, object_paths

NAMES = sorted(CATALOGUE)
DOCUMENT: dict[str, Any] = json.loads(json.dumps(asyncapi_document()))
# What the specification asks of the parts this document has, https://www.asyncapi.com/docs/reference/specification/v3.0.0
REFERENCE = {"type": "object", "required": ["$ref"], "maxProperties": 1}
TEXT = {"type": "string", "minLength": 1}
FORM: dict[str, Any] = {
    "required": ["asyncapi", "info", "channels", "operations"],
    "additionalProperties": False,
    "properties": {
        "asyncapi": {"const": "3.0.0"},
        "defaultContentType": TEXT,
        "info": {"required": ["title", "version"]},
        "servers": {
            "additionalProperties": {"required": ["host", "protocol"], "properties": {"host": TEXT, "protocol": TEXT}}
        },
        "channels": {
            "additionalProperties": {
                "required": ["address", "messages", "servers"],
                "properties": {
                    "servers": {"type": "array", "items": REFERENCE},
                    "messages": {"additionalProperties": REFERENCE},
                    "parameters": {"additionalProperties": {"required": ["description"]}},
                },
            }
        },
        "operations": {
            "additionalProperties": {
                "required": ["action", "channel"],
                "properties": {"action": {"enum": ["send", "receive"]}, "channel": REFERENCE},
            }
        },
        "components": {
            "additionalProperties": {"propertyNames": {"pattern": r"^[a-zA-Z0-9._-]+$"}},
            "properties": {
                "messages": {
                    "additionalProperties": {
                        "required": ["name", "summary", "payload", "examples"],
                        "properties": {
                            "correlationId": {"required": ["location"]},
                            "traits": {"type": "array", "items": REFERENCE},
                        },
                    }
                }
            },
        },
    },
}


def schema(name: str) -> Draft202012Validator:
    published = event_schema(CATALOGUE[name])
    Draft202012Validator.check_schema(published)
    return Draft202012Validator(published)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_valid_for_its_schema_and_still_is_when_fields_are_added(name: str) -> None:
    event = example(name)
    assert schema(name).is_valid(event)
    for path in object_paths(example(name)):
        at(event, path)["of_tomorrow"] = "new"
    assert schema(name).is_valid(event)


@pytest.mark.parametrize("name", NAMES)
def test_an_event_that_lacks_a_field_is_not_valid_for_its_schema(name: str) -> None:
    for path in object_paths(example(name)):
        if path == ("data", "metadata"):
            continue
        for field in at(example(name), path):
            shortened = example(name)
            del at(shortened, path)[field]
            assert not schema(name).is_valid(shortened), (*path, field)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("job.")])
def test_a_kind_of_job_that_is_new_breaks_nobody_who_validates(name: str) -> None:
    event = example(name)
    event["data"]["kind"] = "chat"
    assert schema(name).is_valid(event)


def test_the_asyncapi_document_has_the_form_of_one() -> None:
    assert [error.message for error in Draft7Validator(FORM).iter_errors(DOCUMENT)] == []


def test_every_reference_of_the_document_leads_somewhere() -> None:
    found = list(references(DOCUMENT))
    assert found
    for reference in found:
        assert resolved(reference), reference


def test_the_bus_carries_every_event_and_webhooks_are_sent_those_and_their_test() -> None:
    channels = DOCUMENT["channels"]
    assert sorted(channels["bus"]["messages"]) == sorted(EventName)
    assert sorted(channels["webhook"]["messages"]) == NAMES
    sending = [(operation["action"], operation["channel"]["$ref"]) for operation in DOCUMENT["operations"].values()]
    assert sending == [("send", f"#/channels/{channel}") for channel in channels]


@pytest.mark.parametrize("channel", sorted(DOCUMENT["channels"]))
def test_an_example_of_a_message_is_a_message_of_its_own_event_only(channel: str) -> None:
    messages = DOCUMENT["channels"][channel]["messages"]
    for name, reference in messages.items():
        message = resolved(reference["$ref"])
        (example_message,) = message["examples"]
        fits = [other for other in messages if payload(channel, other).is_valid(example_message["payload"])]
        assert (message["name"], fits) == (name, [name])


def test_an_event_on_the_bus_is_what_eventbridge_makes_of_an_entry() -> None:
    for name in EventName:
        (message,) = resolved(f"#/components/messages/bus.{name}")["examples"]
        assert message["payload"]["source"] == name.source
        assert message["payload"]["detail"] == example(name)


def test_a_webhook_is_sent_the_event_with_its_type_and_time_and_three_headers() -> None:
    for name in NAMES:
        message = resolved(f"#/components/messages/webhook.{name}")
        (body,) = (one["payload"] for one in message["examples"])
        assert body == {"type": name, "timestamp": example(name)["metadata"]["occurred_at"], **example(name)}
        (trait,) = message["traits"]
        assert sorted(resolved(trait["$ref"])["headers"]["required"]) == [
            "webhook-id", "webhook-signature", "webhook-timestamp",
        ]  # fmt: skip


def payload(channel: str, name: str) -> Draft7Validator:
    return Draft7Validator({**DOCUMENT, "$ref": f"#/components/messages/{channel}.{name}/payload"})


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolved(reference: str) -> Any:
    place: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        place = place[step]
    return place
