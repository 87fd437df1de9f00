"""The execution of a job as the API shows it: steps and attempts from its history, cost from its ledger. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptmill.clock import epoch_ms, timestamp
from promptmill.jobs.ledger import total_cost
from promptmill.providers.cost import format_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptmill.jobs.execution.history import Attempt, Execution, Step
    from promptmill.jobs.ledger import Call
    from promptmill.jobs.model import Job


def public_execution(
    job: Job, execution: Execution | None, calls: Sequence[Call], *, console_url: str | None
) -> dict[str, Any]:
    """The execution of the HTTP contract. None is one that did not start yet, or whose history is gone."""
    steps = execution.steps if execution else ()
    paid = calls_by_step(steps, calls)
    return {
        "object": "execution",
        "job_id": job.id,
        "name": job.id,
        "status": execution.status.value if execution else None,
        "started_at": _time(execution.started_ms) if execution else None,
        "finished_at": _time(execution.finished_ms) if execution else None,
        "duration_ms": execution.duration_ms if execution else None,
        "console_url": console_url if execution else None,
        "steps": [_step(step, calls) for step, calls in zip(steps, paid, strict=True)],
        "cost": job.cost,
    }


def calls_by_step(steps: Sequence[Step], calls: Sequence[Call]) -> list[list[Call]]:
    """The calls each visit paid for: a call belongs to the last visit of its step that began before it did.

    A call from before all of them, by another machine's clock, belongs to the first. One whose step the history does
    not have yet belongs to none.
    """
    paid: list[list[Call]] = [[] for _ in steps]
    for call in calls:
        visits = [index for index, step in enumerate(steps) if step.name == call.step]
        begun = [index for index in visits if steps[index].started_ms <= epoch_ms(call.started_at)]
        for index in begun[-1:] or visits[:1]:
            paid[index].append(call)
    return paid


def _step(step: Step, calls: Sequence[Call]) -> dict[str, Any]:
    cost = total_cost(calls)
    return {
        "name": step.name,
        "started_at": _time(step.started_ms),
        "finished_at": _time(step.finished_ms),
        "duration_ms": step.duration_ms,
        "waited_ms": step.waited_ms,
        "error": step.error,
        "attempts": [_attempt(attempt) for attempt in step.attempts],
        "cost_usd": format_usd(cost.usd) if calls else None,
        "estimated": cost.estimated,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "started_at": _time(attempt.started_ms),
        "finished_at": _time(attempt.finished_ms),
        "duration_ms": attempt.duration_ms,
        "error": attempt.error,
    }


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else timestamp(at_ms)
