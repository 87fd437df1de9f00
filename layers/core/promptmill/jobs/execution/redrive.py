"""Redriving an execution: whether it may go on from the step it ended in, and what that saves. Knows no SDK."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from promptmill.clock import epoch_ms
from promptmill.errors import NotRedrivable
from promptmill.jobs.execution.history import Execution, ExecutionStatus, read_history
from promptmill.jobs.ledger import Call, CallStatus
from promptmill.jobs.model import Job, JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptmill.jobs.execution.gateway import Executions
    from promptmill.jobs.store import JobStore

# The states that write a terminal status or announce it: each may run again, and its event is still to come.
_CLOSING = {
    JobStatus.SUCCEEDED: frozenset({"PersistResult", "PublishOutcome", "ParkOutcome"}),
    JobStatus.REJECTED: frozenset({"RecordRejection", "PublishRefusal", "ParkOutcome"}),
    JobStatus.FAILED: frozenset({"RecordFailure", "PublishRefusal", "ParkOutcome"}),
    JobStatus.EXPIRED: frozenset({"RecordFailure", "PublishRefusal", "ParkOutcome"}),
}
CLOSING_STATES = frozenset[str]().union(*_CLOSING.values())


@dataclass(frozen=True, slots=True)
class Redrive:
    """``saved_usd`` is what the calls cost that are not made again."""

    job: Job
    redriven_from: str
    saved_usd: Decimal


def redrive_job(job_id: str, *, jobs: JobStore, executions: Executions, at_ms: int) -> Redrive:
    """Redrives the execution of a job, whoever owns it.

    Raises ``JobNotFound``, ``NotRedrivable`` with the reason, and the errors of its parts.
    """
    redrive = plan_redrive(job_id, jobs=jobs, executions=executions, at_ms=at_ms)
    executions.redrive(job_id)
    return redrive


def plan_redrive(job_id: str, *, jobs: JobStore, executions: Executions, at_ms: int) -> Redrive:
    """What ``redrive_job`` would do; raises as it does, but for what only Step Functions can tell."""
    work = jobs.load_source(job_id, None, at_ms=at_ms)
    execution = read_history(executions.history(job_id) or [])
    return Redrive(work.job, redrivable_step(work.job, execution, at_ms=at_ms), saved_usd(work.calls))


def redrivable_step(job: Job, execution: Execution | None, *, at_ms: int) -> str:
    """The step a redrive would go on from; raises ``NotRedrivable``, saying why there is none.

    How long ago an execution ended, and how long its history is, is for Step Functions to judge.
    """
    if job.status.is_terminal and job.due_at is None:
        raise NotRedrivable(
            f"The job is {job.status} and its last event is out, so it never changes again. Replay it instead."
        )
    if execution is None or not execution.steps:
        raise NotRedrivable("The job has no execution to go on with: it did not start, or its history is gone.")
    if execution.status is ExecutionStatus.RUNNING:
        raise NotRedrivable("The execution is running.")
    if execution.status is ExecutionStatus.SUCCEEDED:
        raise NotRedrivable("The execution succeeded. Replay the job to run it again.")
    step = execution.steps[-1]
    if step.kind == "Fail":
        raise NotRedrivable(f"The execution ended on purpose in {step.name}, which a redrive would only repeat.")
    if job.status.is_terminal:
        if step.name not in _CLOSING.get(job.status, ()):
            raise NotRedrivable(
                f"The job was {job.status} while its execution was in {step.name}, which has nothing left to do."
            )
    elif job.result is None and step.name not in CLOSING_STATES and at_ms >= epoch_ms(job.deadline_at):
        raise NotRedrivable("The job's deadline has passed, so it could only expire. Replay it instead.")
    return step.name


def saved_usd(calls: Sequence[Call]) -> Decimal:
    """What the calls cost that succeeded: a step that runs again finds their result."""
    return sum(
        (call.cost_usd for call in calls if call.status is CallStatus.SUCCEEDED and call.cost_usd is not None),
        Decimal(0),
    )
