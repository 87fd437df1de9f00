"""The executions of the generation workflow, one per job and named after it: their histories, and redriving them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptmill.errors import BrokenContractError, NotRedrivable, WorkflowUnavailable
from promptmill.gateway import NOT_WORTH_RETRYING, error_code
from promptmill.jobs.execution.address import execution_arn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

# The most that Step Functions answers with at a time, of either.
_PAGE_EVENTS = 1000
_PAGE_EXECUTIONS = 1000
_FOR_A_PERSON = NOT_WORTH_RETRYING | {
    "InvalidArn",
    "InvalidExecutionInput",
    "InvalidName",
    "KmsAccessDeniedException",
    "StateMachineDoesNotExist",
}
# AWS's and MiniStack's word for an operation that is not there.
_UNKNOWN_OPERATION = frozenset({"UnknownOperationException", "InvalidAction"})


@dataclass(frozen=True, slots=True)
class Start:
    """An execution by its name and when it began; ``status`` is ``RUNNING`` or how it ended."""

    name: str
    status: str
    started_ms: int


class Executions:
    """Every method raises ``WorkflowUnavailable``, or ``BrokenContractError`` for what only a person can mend."""

    def __init__(self, state_machine_arn: str, client: Any) -> None:
        self._state_machine_arn = state_machine_arn
        self._client = client

    def arn(self, job_id: str) -> str:
        return execution_arn(self._state_machine_arn, job_id)

    def history(self, job_id: str) -> list[dict[str, Any]] | None:
        """All events, oldest first, without inputs and outputs; None without an execution, or when it is forgotten."""
        events: list[dict[str, Any]] = []
        asked = {
            "executionArn": self.arn(job_id),
            "maxResults": _PAGE_EVENTS,
            "reverseOrder": False,
            "includeExecutionData": False,
        }
        with workflow_errors():
            while True:
                try:
                    page = self._client.get_execution_history(**asked)
                except self._client.exceptions.ExecutionDoesNotExist:
                    return None
                events += page["events"]
                if not page.get("nextToken"):
                    return events
                asked["nextToken"] = page["nextToken"]

    def starts(self, *, page_size: int = _PAGE_EXECUTIONS) -> Iterator[list[Start]]:
        """The executions there are and were in the last 90 days, the latest first, a page at a time."""
        asked = {"stateMachineArn": self._state_machine_arn, "maxResults": page_size}
        while True:
            with workflow_errors():
                page = self._client.list_executions(**asked)
            yield [
                Start(entry["name"], entry["status"], round(entry["startDate"].timestamp() * 1000))
                for entry in page["executions"]
            ]
            if not page.get("nextToken"):
                return
            asked["nextToken"] = page["nextToken"]

    def redrive(self, job_id: str) -> None:
        """Goes on with the job's execution from the step it ended in; raises ``NotRedrivable`` when it cannot."""
        from botocore.exceptions import ClientError

        with workflow_errors():
            try:
                self._client.redrive_execution(executionArn=self.arn(job_id))
            except ClientError as error:
                code = error_code(error)
                if code in _UNKNOWN_OPERATION:
                    raise NotRedrivable("Redrive is not available here: Step Functions does not know it.") from error
                if code in {"ExecutionNotRedrivable", "ExecutionDoesNotExist"}:
                    # For operators, so AWS's own reason is what they need.
                    raise NotRedrivable(f"Step Functions refused: {error.response['Error']['Message']}") from error
                raise


@contextmanager
def workflow_errors(*, ignoring: AbstractSet[str] = frozenset()) -> Iterator[None]:
    """Turns what Step Functions raises into our errors, and some of its error codes into nothing.

    Raises ``BrokenContractError`` for what only a person can mend, ``WorkflowUnavailable`` for all else.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error_code(error)
        if code in ignoring:
            return
        if code in _FOR_A_PERSON:
            raise BrokenContractError(f"the workflow refused: {code}") from error
        raise WorkflowUnavailable from error
    except BotoCoreError as error:
        raise WorkflowUnavailable from error
