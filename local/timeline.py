"""The steps of an execution as a table, and what AWS would bill of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptmill.jobs.execution.history import Execution


def transitions(execution: Execution) -> int:
    """What AWS bills of a Standard execution: every state entered, and every retry, which counts as one more."""
    return sum(1 + max(0, len(step.attempts) - 1) for step in execution.steps)


def table(execution: Execution) -> list[str]:
    """One line per step, under a heading; times count from the execution's start."""
    steps = execution.steps
    width = max([len("step"), *(len(step.name) for step in steps)])
    lines = [f"{'step':<{width}}  {'at':>8}  {'took':>8}  attempts"]
    for step in steps:
        took = "" if step.duration_ms is None else f"{step.duration_ms:,} ms"
        attempts = str(len(step.attempts)) if step.attempts else ""
        errors = [attempt.error for attempt in step.attempts if attempt.error]
        note = f"  {', '.join(errors)}" if errors else ""
        at_ms = step.started_ms - execution.started_ms
        lines.append(f"{step.name:<{width}}  {at_ms:>5,} ms  {took:>8}  {attempts:>8}{note}".rstrip())
    return lines
