"""How a job of the stack ended, as a subscriber and an operator see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptmill.events.envelope import outcome_event_id
from promptmill.jobs.execution.address import execution_arn
from tests.support.api import eventually
from tests.support.inbox import subscriber_inbox

if TYPE_CHECKING:
    from local.stack import Stack


def outcomes(stack: Stack, job_id: str) -> list[dict[str, Any]]:
    """The terminal events of the job that were delivered, once there is one."""

    def delivered() -> list[dict[str, Any]] | None:
        found = [event for event in subscriber_inbox(stack).of(job_id) if event["detail"]["metadata"]["sequence"] == 3]
        return found or None

    found = eventually(delivered)
    assert {event["detail"]["metadata"]["id"] for event in found} == {outcome_event_id(job_id)}
    return found


def ended_execution(stack: Stack, job_id: str) -> dict[str, Any]:
    """The job's execution, once it has ended."""
    arn = execution_arn(stack.state_machine_arn, job_id)

    def ended() -> dict[str, Any] | None:
        execution: dict[str, Any] = stack.client("stepfunctions").describe_execution(executionArn=arn)
        return None if execution["status"] == "RUNNING" else execution

    return eventually(ended)
