"""Reads the execution of a job: its history from Step Functions, its cost from the ledger."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.gateway import EDGE_ATTEMPTS, aws_client
from promptmill.jobs.execution.address import console_url
from promptmill.jobs.execution.gateway import Executions
from promptmill.jobs.execution.history import read_history
from promptmill.jobs.execution.store import LedgerStore
from promptmill.jobs.execution.view import public_execution
from promptmill.settings import settings

if TYPE_CHECKING:
    from promptmill.jobs.model import Job


class ExecutionReader:
    """``has_console`` is False where no Step Functions console shows the executions."""

    def __init__(self, executions: Executions, ledger: LedgerStore, *, has_console: bool) -> None:
        self._executions = executions
        self._ledger = ledger
        self._has_console = has_console

    def read(self, job: Job, *, in_full: bool) -> dict[str, Any]:
        """The execution as its owner sees it, or in full, as an operator does.

        Raises ``WorkflowUnavailable`` and ``StoreUnavailable``.
        """
        # The ledger after the history: every call that a finished attempt made is in it.
        execution = read_history(self._executions.history(job.id) or [])
        calls = self._ledger.calls(job.id)
        url = console_url(self._executions.arn(job.id)) if in_full and self._has_console else None
        return public_execution(job, execution, calls, console_url=url)


@cache
def job_executions() -> Executions:
    """This process's executions."""
    (state_machine_arn,) = settings().require("state_machine_arn")
    return Executions(state_machine_arn, aws_client("stepfunctions", attempts=EDGE_ATTEMPTS))


@cache
def execution_reader() -> ExecutionReader:
    """This process's reader."""
    (table,) = settings().require("jobs_table")
    return ExecutionReader(
        job_executions(),
        LedgerStore(table, aws_client("dynamodb", attempts=EDGE_ATTEMPTS)),
        has_console=settings().stage != "local",
    )
