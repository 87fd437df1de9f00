"""The workflow's definition, and its JSONata evaluated as Step Functions would."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonata  # type: ignore[import-untyped]

from promptmill import clock

ROOT = Path(__file__).parents[3]


@cache
def states() -> dict[str, Any]:
    """The states of the generation workflow by name."""
    definition = json.loads((ROOT / "statemachines" / "generation.asl.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = definition["States"]
    return found


@cache
def _compiled(source: str) -> Any:
    expression = jsonata.Jsonata(source)
    # A function of Step Functions' own.
    expression.register_lambda("parse", json.loads)
    return expression


def evaluate(value: Any, variables: dict[str, Any], *, at_ms: int | None = None) -> Any:
    """``value`` with every ``{% … %}`` in it evaluated; ``variables`` are the state machine's, without ``$``.

    ``at_ms`` is the time, the machine's own when it is None.
    """
    if isinstance(value, dict):
        return {name: evaluate(member, variables, at_ms=at_ms) for name, member in value.items()}
    if isinstance(value, list):
        return [evaluate(member, variables, at_ms=at_ms) for member in value]
    if not (isinstance(value, str) and value.startswith("{%") and value.endswith("%}")):
        return value
    expression = _compiled(value.removeprefix("{%").removesuffix("%}"))
    for name, content in variables.items():
        expression.assign(name, content)
    now_ms = clock.now_ms() if at_ms is None else at_ms
    expression.register_lambda("now", lambda: clock.timestamp(now_ms))
    expression.register_lambda("millis", lambda: now_ms)
    return expression.evaluate(None)
