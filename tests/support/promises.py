"""What the published schemas promise, field by field, and what of it a change would break."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Promises = dict[str, dict[str, Any]]
ANNOTATIONS = {"description", "examples"}


def promises_of(schema: dict[str, Any], *, source: str | None) -> Promises:
    """By its path: what a field is (``is``), whether it is always there, and the values known of an open-ended one.

    ``[]`` are the items of a list, ``{}`` the values of an object whose fields have no names of ours. ``source`` is the
    EventBridge event's, which rules look for; None is an event that is not on the bus.
    """
    of_the_bus = {} if source is None else {"source": {"is": {"const": source, "type": "string"}, "always": True}}
    return of_the_bus | dict(_fields(schema, schema["$defs"], ""))


def breaks(promised: Promises, kept: Promises) -> list[str]:
    """What subscribers were promised and no longer get."""
    found = []
    for path, promise in promised.items():
        now = kept.get(path)
        if now is None:
            found.append(f"{path} is gone")
            continue
        if now["is"] != promise["is"]:
            found.append(f"{path} was {promise['is']}, is {now['is']}")
        if promise["always"] and not now["always"]:
            found.append(f"{path} is not always there any more")
        if lost := set(promise.get("known", ())) - set(now.get("known", ())):
            found.append(f"{path} is no longer {sorted(lost)}")
    return found


def additions(promised: Promises, kept: Promises) -> Promises:
    """What subscribers get beyond what they were promised."""
    return {path: promise for path, promise in kept.items() if promised.get(path) != promise}


def _fields(schema: dict[str, Any], parts: dict[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, field in schema.get("properties", {}).items():
        yield from _field(field, parts, f"{prefix}{name}", always=name in schema.get("required", ()))


def _field(
    field: dict[str, Any], parts: dict[str, Any], path: str, *, always: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    described = _resolved(field, parts)
    promise: dict[str, Any] = {"is": _type(described), "always": always}
    if "examples" in described:
        promise["known"] = described["examples"]
    yield path, promise
    yield from _fields(described, parts, f"{path}.")
    for alternative in described.get("anyOf", ()):
        form = alternative["$ref"].rpartition("/")[2]
        yield from _fields(parts[form], parts, f"{path}<{form}>.")
    for keyword, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(described.get(keyword), dict):
            yield from _field(described[keyword], parts, f"{path}{mark}", always=True)


def _type(field: dict[str, Any]) -> Any:
    if "anyOf" in field:
        return [alternative["$ref"].rpartition("/")[2] for alternative in field["anyOf"]]
    if "properties" in field:
        return "object"
    rest = {key: value for key, value in field.items() if key not in ANNOTATIONS}
    return rest["type"] if rest.keys() == {"type"} else rest


def _resolved(field: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    return parts[field["$ref"].rpartition("/")[2]] if "$ref" in field else field
