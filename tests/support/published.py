"""The schemas of published events, and events held against them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from local.stack import ROOT

FOLDER = ROOT / "events" / "published"


def event_names() -> list[str]:
    """The detail types that have a schema."""
    return sorted(path.name.removesuffix(".schema.json") for path in FOLDER.glob("*.schema.json"))


@cache
def validator(name: str) -> Draft202012Validator:
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def example(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.example.json").read_text(encoding="utf-8"))
    return content


def check_event(name: str, detail: dict[str, Any]) -> None:
    """Fails the test with every way in which the detail is not what its schema says."""
    problems = [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(detail)]
    assert not problems, "\n".join([name, *problems])
