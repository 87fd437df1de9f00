"""The executions of the deletion workflow, each named as ``deletion_name`` says: one a day, however often asked."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from promptmill.gateway import EDGE_ATTEMPTS, aws_client
from promptmill.jobs.execution.gateway import workflow_errors
from promptmill.settings import settings


class DeletionWorkflow:
    def __init__(self, state_machine_arn: str, client: Any) -> None:
        self._state_machine_arn = state_machine_arn
        self._client = client

    def start(self, name: str, user_id: str, event: dict[str, Any]) -> None:
        """Starts deleting the user, with the event that will announce it; one of this name goes on.

        Raises ``WorkflowUnavailable``, or ``BrokenContractError`` for what only a person can mend.
        """
        with workflow_errors(ignoring={"ExecutionAlreadyExists"}):
            self._client.start_execution(
                stateMachineArn=self._state_machine_arn,
                name=name,
                input=json.dumps({"user_id": user_id, "event": event}, separators=(",", ":")),
            )


@cache
def deletion_workflow() -> DeletionWorkflow:
    """This process's workflow."""
    (arn,) = settings().require("deletion_workflow_arn")
    return DeletionWorkflow(arn, aws_client("stepfunctions", attempts=EDGE_ATTEMPTS))
