"""The executions of the workflow, each named after its job."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from promptmill.gateway import EDGE_ATTEMPTS, aws_client
from promptmill.jobs.execution.address import execution_arn
from promptmill.jobs.execution.gateway import workflow_errors
from promptmill.settings import settings


class GenerationWorkflow:
    """Every method raises ``WorkflowUnavailable``, or ``BrokenContractError`` for what only a person can mend."""

    def __init__(self, state_machine_arn: str, client: Any) -> None:
        self._state_machine_arn = state_machine_arn
        self._client = client

    def start(self, job_id: str, state: dict[str, Any]) -> None:
        """Starts the execution; one that is there already counts as started."""
        with workflow_errors(ignoring={"ExecutionAlreadyExists"}):
            self._client.start_execution(
                stateMachineArn=self._state_machine_arn,
                name=job_id,
                input=json.dumps(state, ensure_ascii=False, separators=(",", ":")),
            )

    def status(self, job_id: str) -> str | None:
        """``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT`` or ``ABORTED``; None for a job without an execution.

        Step Functions may not know an execution yet that was started a moment ago.
        """
        with workflow_errors(ignoring={"ExecutionDoesNotExist"}):
            return str(
                self._client.describe_execution(executionArn=execution_arn(self._state_machine_arn, job_id))["status"]
            )
        return None

    def stop(self, job_id: str, *, error: str, cause: str) -> None:
        """Aborts the execution; one that is not there, or has ended, is fine."""
        # ValidationException is MiniStack's answer for one that has ended, which AWS takes for stopped.
        with workflow_errors(ignoring={"ExecutionDoesNotExist", "ValidationException"}):
            self._client.stop_execution(
                executionArn=execution_arn(self._state_machine_arn, job_id), error=error, cause=cause
            )


@cache
def generation_workflow() -> GenerationWorkflow:
    """This process's workflow."""
    (arn,) = settings().require("state_machine_arn")
    return GenerationWorkflow(arn, aws_client("stepfunctions", attempts=EDGE_ATTEMPTS))
