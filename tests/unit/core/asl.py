"""The workflow's definition, and its JSONata evaluated as Step Functions would."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonata  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[3]


@cache
def states() -> dict[str, Any]:
    """The states of the generation workflow by name."""
    definition = json.loads((ROOT / "statemachines" / "generation.asl.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = definition["States"]
    return found


@cache
def _compiled(source: str) -> Any:
    return jsonata.Jsonata(source)


def evaluate(value: Any, variables: dict[str, Any]) -> Any:
    """``value`` with every ``{% … %}`` in it evaluated; ``variables`` are the state machine's, without ``$``."""
    if isinstance(value, dict):
        return {name: evaluate(member, variables) for name, member in value.items()}
    if isinstance(value, list):
        return [evaluate(member, variables) for member in value]
    if not (isinstance(value, str) and value.startswith("{%") and value.endswith("%}")):
        return value
    expression = _compiled(value.removeprefix("{%").removesuffix("%}"))
    for name, content in variables.items():
        expression.assign(name, content)
    return expression.evaluate(None)
