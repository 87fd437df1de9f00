"""The steps of an execution, from its history: when each began, how long it took, how often it was tried. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

# ``TaskTimedOut``, ``LambdaFunctionFailed`` and their kind carry ``error`` in the details named after them.
_FAILURES = ("Failed", "TimedOut")


@dataclass(frozen=True, slots=True)
class Step:
    """One visit of one state. ``attempts`` is 0 for a state that calls nothing; ``errors`` are those of its attempts.

    ``duration_ms`` is None for a state that was never left: the execution ended in it, or is still there.
    """

    name: str
    start_ms: int
    duration_ms: int | None = None
    attempts: int = 0
    errors: tuple[str, ...] = ()


def steps(history: Iterable[dict[str, Any]]) -> list[Step]:
    """The states of a linear execution in the order they were entered; times count from the execution's start.

    ``history`` is what GetExecutionHistory answers, oldest first.
    """
    found: list[Step] = []
    began: datetime | None = None
    for event in history:
        kind, at = event["type"], event["timestamp"]
        began = began or at
        now_ms = round((at - began).total_seconds() * 1000)
        if kind.endswith("StateEntered"):
            found.append(Step(event["stateEnteredEventDetails"]["name"], now_ms))
        elif kind.startswith("Execution") or not found:
            continue
        elif kind.endswith("StateExited"):
            found[-1] = replace(found[-1], duration_ms=now_ms - found[-1].start_ms)
        elif kind.endswith("Scheduled"):
            found[-1] = replace(found[-1], attempts=found[-1].attempts + 1)
        elif kind.endswith(_FAILURES):
            found[-1] = replace(found[-1], errors=(*found[-1].errors, _error(event)))
    return found


def transitions(history: Iterable[dict[str, Any]]) -> int:
    """What AWS bills of a Standard execution: every state entered, and every retry, which counts as one more."""
    return sum(1 + max(0, step.attempts - 1) for step in steps(history))


def table(found: Sequence[Step]) -> list[str]:
    """One line per step, under a heading."""
    width = max([len("step"), *(len(step.name) for step in found)])
    lines = [f"{'step':<{width}}  {'at':>8}  {'took':>8}  attempts"]
    for step in found:
        took = "" if step.duration_ms is None else f"{step.duration_ms:,} ms"
        attempts = str(step.attempts) if step.attempts else ""
        note = f"  {', '.join(step.errors)}" if step.errors else ""
        lines.append(f"{step.name:<{width}}  {step.start_ms:>5,} ms  {took:>8}  {attempts:>8}{note}".rstrip())
    return lines


def _error(event: dict[str, Any]) -> str:
    kind = event["type"]
    details = event.get(f"{kind[0].lower()}{kind[1:]}EventDetails", {})
    return str(details.get("error") or kind)
