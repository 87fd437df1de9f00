"""``executions``: what the execution of a job did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from operations.arguments import JOB_ID
from operations.command import on_a_stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from operations.deployment import Deployment
    from operations.output import Output


@click.group()
def executions() -> None:
    """Look at what the executions of jobs did."""


@executions.command()
@click.argument("job_id", type=JOB_ID)
@on_a_stage
def show(deployment: Deployment, output: Output, *, job_id: str) -> None:
    """Show the execution of the job JOB_ID: its steps with their attempts, waits, errors and cost.

    Its status is empty, and there are no steps, before it has started and once its history is gone, 90 days after its
    end.
    """
    job = deployment.jobs.get(job_id, None)
    execution = deployment.reader.read(job, in_full=True)
    if not output.as_json:
        execution["steps"] = list(_rows(execution["steps"]))
    output.show(execution)


def _rows(steps: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A row for each step, and below a step that was tried more than once, one for each attempt."""
    for step in steps:
        attempts = step["attempts"]
        yield {
            "step": step["name"],
            "started_at": step["started_at"],
            "duration_ms": step["duration_ms"],
            "waited_ms": step["waited_ms"],
            "attempts": len(attempts),
            "cost_usd": step["cost_usd"],
            "error": step["error"],
        }
        if len(attempts) > 1:
            for number, attempt in enumerate(attempts, start=1):
                yield {**attempt, "step": f"  attempt {number}"}
