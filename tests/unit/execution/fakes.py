"""Executions and ledgers in memory, with the promises of the real ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from promptmill.errors import PromptmillError
from promptmill.jobs.execution.address import execution_arn
from promptmill.jobs.execution.gateway import Executions, Start
from promptmill.jobs.execution.store import LedgerStore
from promptmill.jobs.ledger import Call
from tests.unit.execution.histories import History
from tests.unit.jobs.fakes import MemoryJobStore

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:generation"


class FakeExecutions(Executions):
    """Histories by job; ``error`` is raised at every use. ``started`` are the executions there are, newest first."""

    def __init__(self, histories: Mapping[str, History], *, error: PromptmillError | None = None) -> None:
        self.redriven: list[str] = []
        self.started: list[Start] = []
        self.pages_asked = 0
        self._histories = histories
        self._error = error

    def arn(self, job_id: str) -> str:
        return execution_arn(MACHINE, job_id)

    def history(self, job_id: str) -> list[dict[str, Any]] | None:
        if self._error:
            raise self._error
        return self._histories[job_id].events if job_id in self._histories else None

    def starts(self, *, page_size: int = 2) -> Iterator[list[Start]]:
        for first in range(0, len(self.started), page_size):
            if self._error:
                raise self._error
            self.pages_asked += 1
            yield self.started[first : first + page_size]

    def redrive(self, job_id: str) -> None:
        if self._error:
            raise self._error
        self.redriven.append(job_id)


class MemoryLedger(LedgerStore):
    """The calls of a job store in memory."""

    def __init__(self, jobs: MemoryJobStore) -> None:
        self._jobs = jobs

    def calls(self, job_id: str) -> tuple[Call, ...]:
        return tuple(call for (owner, _), call in sorted(self._jobs.calls.items()) if owner == job_id)
