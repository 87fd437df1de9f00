"""A case: one job, the machine it runs on, what goes wrong on its way.

All cases of a run share the stack and run side by side; a test asks for the case it is about and gets all that is left
of it.
"""

from __future__ import annotations

import importlib
import json
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptmill.clock import epoch_ms, now_ms, random_hex, timestamp
from promptmill.jobs.model import Job, JobStatus
from promptmill.jobs.settling.judgement import GRACE_MS
from promptmill.jobs.store import JobStore, StoredWork
from promptmill.prompting.assemble import request_from_state
from promptmill.prompting.model import TextRequest
from tests.support.api import eventually
from tests.support.inbox import parked_inbox, subscriber_inbox
from tests.support.jobs import a_job, state_of
from tests.support.settlement import settlement_of
from tests.support.stand_ins import StandIns
from tests.workflows.machines import GENERATION, Machine, Machines
from tests.workflows.run import Execution, Run, Swept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from local.stack import Stack
    from tests.support.stand_ins import Fault

AT_ONCE = 8
LONGEST_SECONDS = 90

CASES: dict[str, Case] = {}


@dataclass(frozen=True)
class Case:
    """``chat`` and ``flux`` are faults, one per call.

    ``before`` runs when the job is stored, ``during`` when its execution was started. ``state`` changes the execution's
    input, ``deadline_in_ms`` the deadline of the job. ``twice``: a second execution runs at the same time;
    ``runs_again_on``: one runs after the first. ``slow``: begin early, it waits for long retries.
    """

    name: str
    kind: str = "enhance"
    fields: Mapping[str, Any] = field(default_factory=dict)
    chat: Sequence[Fault] = ()
    flux: Sequence[Fault] = ()
    machine: Machine = field(default_factory=Machine)
    state: Mapping[str, Any] = field(default_factory=dict)
    deadline_in_ms: int | None = None
    before: Callable[[World, Job], None] | None = None
    during: Callable[[World, Job], None] | None = None
    twice: bool = False
    runs_again_on: Machine | None = None
    slow: bool = False

    def __str__(self) -> str:
        return self.name


def case(name: str, **fields: Any) -> Case:
    """A case of the table all tests of a run share."""
    assert name not in CASES, f"two cases are called {name}"
    CASES[name] = Case(name, **fields)
    return CASES[name]


def all_cases() -> list[Case]:
    """The cases of every test module here."""
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if not path.stem.startswith("test_every_"):
            importlib.import_module(f"tests.workflows.{path.stem}")
    return list(CASES.values())


class World:
    """What a case may touch."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.machines = Machines(stack, GENERATION)
        self.stand_ins = StandIns(stack)
        self.dynamodb = stack.client("dynamodb")
        self.jobs = JobStore(stack.jobs_table, self.dynamodb)
        self.states = stack.client("stepfunctions")
        self.settlement = settlement_of(stack)

    def run(self, case: Case) -> Run:
        token = f"{case.name}-{random_hex(6)}"
        job = a_job(case.kind, prompt=f"Write a short story for children about the number {token}.", **case.fields)
        if case.deadline_in_ms is not None:
            job = replace(job, deadline_at=timestamp(now_ms() + case.deadline_in_ms))
        for provider, faults in (("chat", case.chat), ("flux", case.flux)):
            if faults:
                self.stand_ins.script(provider, faults, match=token)  # type: ignore[arg-type]
        self.jobs.add(job)
        if case.before:
            case.before(self, job)
        state = state_of(job) | dict(case.state)
        arn = self.start(case.machine, state, job.id)
        arns = [arn, self.start(case.machine, state, f"{job.id}-twin")] if case.twice else [arn]
        if case.during:
            case.during(self, job)
        executions = [self.finished(arn) for arn in arns]
        if case.runs_again_on is not None:
            executions.append(self.finished(self.start(case.runs_again_on, state, f"{job.id}-again")))
        work = self.jobs.load_work(job.id)
        events = subscriber_inbox(self.stack).of(job.id)
        return Run(
            case=case,
            token=token,
            submitted=job,
            job=work.job,
            calls=work.calls,
            executions=executions,
            provider_calls=self.calls_of(work),
            faults_left=self.stand_ins.faults_left(token),
            events=events,
            parked=parked_inbox(self.stack).of(job.id),
            swept=self.sweep(job),
        )

    def calls_of(self, work: StoredWork) -> list[dict[str, Any]]:
        """What the stand-ins were asked for the job; they note a call that was given up once they are done with it."""
        if not work.request:
            return []
        prompt, is_given_up = _sent_prompt(work.request), any(call.error == "ProviderTimeout" for call in work.calls)

        def noted() -> list[dict[str, Any]] | None:
            calls = self.stand_ins.calls_about(prompt)
            return calls if len(calls) >= len(work.calls) or not is_given_up else None

        return eventually(noted)

    def sweep(self, job: Job) -> Swept:
        """The sweeper's look at the job, at a time when its executions should be long over."""
        verdict = self.settlement.finish(job.id, at_ms=epoch_ms(job.deadline_at) + GRACE_MS)
        swept = self.settlement.jobs.load(job.id)
        assert swept is not None
        return Swept(verdict, swept, [event["detail-type"] for event in subscriber_inbox(self.stack).of(job.id)])

    def start(self, machine: Machine, state: dict[str, Any], name: str) -> str:
        arn: str = self.states.start_execution(
            stateMachineArn=self.machines.arn(machine), name=name, input=json.dumps(state)
        )["executionArn"]
        return arn

    def finished(self, arn: str) -> Execution:
        def ended() -> dict[str, Any] | None:
            execution: dict[str, Any] = self.states.describe_execution(executionArn=arn)
            return None if execution["status"] == "RUNNING" else execution

        execution = eventually(ended, seconds=LONGEST_SECONDS, pause_seconds=0.1)
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=arn)
        history = [event for page in pages for event in page["events"]]
        return Execution(execution["status"], execution.get("error"), history)

    def set_status(self, job: Job, status: JobStatus) -> None:
        """As another writer would."""
        self.dynamodb.update_item(
            TableName=self.stack.jobs_table,
            Key={"pk": {"S": f"JOB#{job.id}"}, "sk": {"S": "JOB"}},
            UpdateExpression="SET #status = :status, finished_at = :at",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": {"S": status}, ":at": {"S": job.created_at}},
        )

    def set_arrival_time(self, job: Job, tat_ms: int) -> None:
        self.dynamodb.put_item(
            TableName=self.stack.control_table,
            Item={"pk": {"S": f"RATE#{job.owner}#anonymous"}, "tat": {"N": str(tat_ms)}},
        )

    def arrival_time(self, job: Job) -> int | None:
        item = self.dynamodb.get_item(
            TableName=self.stack.control_table, Key={"pk": {"S": f"RATE#{job.owner}#anonymous"}}
        ).get("Item")
        return int(item["tat"]["N"]) if item else None


def canceled(world: World, job: Job) -> None:
    world.set_status(job, JobStatus.CANCELED)


def canceled_during_call(number: int) -> Callable[[World, Job], None]:
    """Cancels the job once its ledger shows this call under way."""

    def cancel(world: World, job: Job) -> None:
        eventually(lambda: len(world.jobs.load_work(job.id).calls) >= number or None)
        canceled(world, job)

    return cancel


class Runs:
    """Runs the cases in the background, slow ones first."""

    def __init__(self, world: World, cases: Sequence[Case]) -> None:
        self.world = world
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._futures: dict[str, Future[Run]] = {
            case.name: self._pool.submit(world.run, case) for case in sorted(cases, key=lambda case: not case.slow)
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self.world.stand_ins.close()

    def of(self, case: Case) -> Run:
        """The case once it has run; raises what went wrong in running it."""
        return self._futures[case.name].result(timeout=5 * LONGEST_SECONDS)


def _sent_prompt(request: dict[str, Any]) -> str:
    sent = request_from_state(request)
    return sent.messages[-1].text if isinstance(sent, TextRequest) else sent.prompt


def with_input(**changes: Any) -> Callable[[World, Job], None]:
    """Changes the stored input after it was validated, as a catalog that moved on would."""

    def change(world: World, job: Job) -> None:
        changed = replace(job, input={**job.input, **changes})
        world.dynamodb.update_item(
            TableName=world.stack.jobs_table,
            Key={"pk": {"S": f"JOB#{job.id}"}, "sk": {"S": "JOB"}},
            UpdateExpression="SET #input = :input",
            ExpressionAttributeNames={"#input": "input"},
            ExpressionAttributeValues={":input": {"S": json.dumps(changed.input)}},
        )

    return change
