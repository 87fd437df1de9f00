"""Starts the workflow of a job."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from promptmill.errors import BrokenContractError, WorkflowUnavailable
from promptmill.gateway import EDGE_ATTEMPTS, aws_client, error_code
from promptmill.settings import settings


class GenerationWorkflow:
    def __init__(self, state_machine_arn: str, client: Any) -> None:
        self._state_machine_arn = state_machine_arn
        self._client = client

    def start(self, job_id: str, state: dict[str, Any]) -> None:
        """Starts the execution named after the job; one that is there already counts as started.

        Raises ``WorkflowUnavailable``, or ``BrokenContractError`` for what only a person can mend.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._client.start_execution(
                stateMachineArn=self._state_machine_arn,
                name=job_id,
                input=json.dumps(state, ensure_ascii=False, separators=(",", ":")),
            )
        except ClientError as error:
            code = error_code(error)
            if code == "ExecutionAlreadyExists":
                return
            if code in {"AccessDeniedException", "StateMachineDoesNotExist", "InvalidExecutionInput", "InvalidName"}:
                raise BrokenContractError(f"the workflow refused: {code}") from error
            raise WorkflowUnavailable(f"Step Functions answered {code}") from error
        except BotoCoreError as error:
            raise WorkflowUnavailable(f"Step Functions did not answer: {type(error).__name__}") from error


@cache
def generation_workflow() -> GenerationWorkflow:
    """This process's workflow."""
    (arn,) = settings().require("state_machine_arn")
    return GenerationWorkflow(arn, aws_client("stepfunctions", attempts=EDGE_ATTEMPTS))
