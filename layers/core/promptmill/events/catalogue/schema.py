"""What is published of the catalogue: JSON Schemas that take more than the models do (docs/decisions/0023)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from promptmill.events.names import EventName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core import core_schema

    from promptmill.events.catalogue.model import Event


class _OpenSchema(GenerateJsonSchema):
    """Objects may have more fields than are named: an additive change breaks nobody who validates."""

    def model_schema(self, schema: core_schema.ModelSchema) -> dict[str, Any]:
        described = super().model_schema(schema)
        return {key: value for key, value in described.items() if key not in {"title", "additionalProperties"}}

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 # titles repeat the names
        return False


def event_schema(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of an event's ``metadata`` and ``data``, complete in itself."""
    schema = event.model_json_schema(schema_generator=_OpenSchema)
    place = "Sent to webhooks only."
    if isinstance(event.name, EventName):
        place = f"The detail of the EventBridge event {event.name}, source {event.name.source}."
    schema["description"] = f"{place} {schema['description']}"
    definitions = schema.pop("$defs")
    return {"$schema": _OpenSchema.schema_dialect, "title": event.name, **schema, "$defs": definitions}


def component_schemas(events: Iterable[type[Event]]) -> dict[str, Any]:
    """The schemas of the events' details and of their parts, by class, as components of one document."""
    _, schema = models_json_schema(
        [(event, "validation") for event in events],
        schema_generator=_OpenSchema,
        ref_template="#/components/schemas/{model}",
    )
    components: dict[str, Any] = schema["$defs"]
    return components
