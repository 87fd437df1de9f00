"""What is left of a case that ran: its job, its books, its executions, its events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptmill.events.envelope import outcome_event_id
from tests.workflows.edges import visits

if TYPE_CHECKING:
    from promptmill.jobs.ledger import Call
    from promptmill.jobs.model import Job
    from tests.support.stand_ins import Fault
    from tests.workflows.cases import Case


@dataclass(frozen=True)
class Execution:
    status: str
    error: str | None
    history: list[dict[str, Any]]

    @property
    def states(self) -> list[str]:
        return [visit.state for visit in visits(self.history)]

    def attempts(self, state: str) -> int:
        """How often the state's task was tried, over all stays."""
        stays = [visit for visit in visits(self.history) if visit.state == state]
        failed = sum(len(visit.failures) for visit in stays)
        return failed + sum(1 for visit in stays if not visit.failures or visit.failures[-1][1])


@dataclass(frozen=True)
class Swept:
    """What the sweeper did with the job after its executions, and what it then was. None: there was nothing to do."""

    verdict: str | None
    job: Job
    event_names: list[str]


@dataclass(frozen=True)
class Run:
    """What is left of a case. ``events`` and ``parked`` are whole messages, in the order they came."""

    case: Case
    token: str
    submitted: Job
    job: Job
    calls: tuple[Call, ...]
    executions: list[Execution]
    provider_calls: list[dict[str, Any]]
    faults_left: list[Fault]
    events: list[dict[str, Any]]
    parked: list[dict[str, Any]]
    swept: Swept

    @property
    def execution(self) -> Execution:
        return self.executions[0]

    @property
    def outcome(self) -> dict[str, Any]:
        """The detail of the job's one terminal event."""
        (event,) = [e for e in self.events if e["detail"]["metadata"]["id"] == outcome_event_id(self.job.id)]
        detail: dict[str, Any] = event["detail"]
        return detail

    @property
    def event_names(self) -> list[str]:
        return [event["detail-type"] for event in self.events]

    @property
    def made_calls(self) -> list[tuple[str, str | None]]:
        """(model, error) of every ledger row."""
        return [(call.model, call.error) for call in self.calls]
