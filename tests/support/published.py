"""The catalogue of events, and events held against it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from promptmill.events.catalogue import TO_WEBHOOKS
from promptmill.events.names import EventName

if TYPE_CHECKING:
    from promptmill.events.catalogue.model import Event

CATALOGUE: dict[str, type[Event]] = {str(event.name): event for event in TO_WEBHOOKS}


def example(name: str) -> dict[str, Any]:
    return copy.deepcopy(CATALOGUE[name].example)


def problems(name: str, detail: dict[str, Any]) -> list[str]:
    """Every way in which the detail is not what the event's model, which knows all its fields, says."""
    try:
        CATALOGUE[name].model_validate(detail)
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return []


def check_event(name: str, detail: dict[str, Any]) -> None:
    """Fails the test with every way in which the detail is not what the catalogue says."""
    found = problems(name, detail)
    assert not found, "\n".join([name, *found])


def check_bus_event(event: dict[str, Any]) -> None:
    """The same for what EventBridge delivered: who it says it is from, too."""
    name = EventName(event["detail-type"])
    assert event["source"] == name.source
    check_event(name, event["detail"])


def object_paths(value: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of each object of an event, the event's own first."""
    if not isinstance(value, dict):
        return []
    return [path, *(place for key, inner in value.items() for place in object_paths(inner, (*path, key)))]


def at(event: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The object at a path of an event."""
    for key in path:
        event = event[key]
    return event
