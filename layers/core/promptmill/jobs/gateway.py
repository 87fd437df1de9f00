"""The executions of the workflow, each named after its job."""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.errors import BrokenContractError, WorkflowUnavailable
from promptmill.gateway import EDGE_ATTEMPTS, NOT_WORTH_RETRYING, aws_client, error_code
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

_BROKEN = frozenset({"StateMachineDoesNotExist", "InvalidExecutionInput", "InvalidName", "InvalidArn"})


class GenerationWorkflow:
    """Every method raises ``WorkflowUnavailable``, or ``BrokenContractError`` for what only a person can mend."""

    def __init__(self, state_machine_arn: str, client: Any) -> None:
        self._state_machine_arn = state_machine_arn
        self._client = client

    def start(self, job_id: str, state: dict[str, Any]) -> None:
        """Starts the execution; one that is there already counts as started."""
        with _workflow_errors(ignoring={"ExecutionAlreadyExists"}):
            self._client.start_execution(
                stateMachineArn=self._state_machine_arn,
                name=job_id,
                input=json.dumps(state, ensure_ascii=False, separators=(",", ":")),
            )

    def status(self, job_id: str) -> str | None:
        """``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT`` or ``ABORTED``; None for a job without an execution.

        Step Functions may not know an execution yet that was started a moment ago.
        """
        with _workflow_errors(ignoring={"ExecutionDoesNotExist"}):
            return str(self._client.describe_execution(executionArn=self._arn(job_id))["status"])
        return None

    def stop(self, job_id: str, *, error: str, cause: str) -> None:
        """Aborts the execution; one that is not there, or has ended, is fine."""
        with _workflow_errors(ignoring={"ExecutionDoesNotExist", "ValidationException"}):
            self._client.stop_execution(executionArn=self._arn(job_id), error=error, cause=cause)

    def _arn(self, job_id: str) -> str:
        return f"{self._state_machine_arn.replace(':stateMachine:', ':execution:')}:{job_id}"


@contextmanager
def _workflow_errors(*, ignoring: AbstractSet[str]) -> Iterator[None]:
    """Turns botocore's errors into ours, and some of AWS's error codes into nothing."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if code in ignoring:
            return
        if code in NOT_WORTH_RETRYING | _BROKEN:
            raise BrokenContractError(f"the workflow refused: {code}") from error
        raise WorkflowUnavailable(f"Step Functions answered {code}") from error
    except BotoCoreError as error:
        raise WorkflowUnavailable(f"Step Functions did not answer: {type(error).__name__}") from error


@cache
def generation_workflow() -> GenerationWorkflow:
    """This process's workflow."""
    (arn,) = settings().require("state_machine_arn")
    return GenerationWorkflow(arn, aws_client("stepfunctions", attempts=EDGE_ATTEMPTS))
