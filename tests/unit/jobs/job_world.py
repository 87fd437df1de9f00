"""Everything a job passes through, in memory: the API, its execution, the provider, the sweeper, and what can go wrong.

The execution is the definition's own; its writes to the job are made as ``tests/support/update_item.py`` says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from promptmill.errors import PromptmillError, WorkflowUnavailable
from promptmill.jobs.assemble import assemble_prompt
from promptmill.jobs.attempt import run_attempt
from promptmill.jobs.intake import Intake, Submission
from promptmill.jobs.ledger import CallStatus
from promptmill.jobs.records import job_item, job_of
from promptmill.jobs.reserving import claim_of
from promptmill.jobs.settling.settlement import Settlement
from promptmill.prompting.model import ProviderRequest
from promptmill.providers.catalog import Model
from promptmill.providers.interface import Answer
from tests.support.builders import FakeClock, a_caller, an_enhance_request, an_origin, some_limits
from tests.support.update_item import update_item
from tests.support.walk import CONDITION_FAILED, TRANSACTION_CANCELED, TaskFailed, Walk
from tests.unit.jobs.accounts import MemorySpending
from tests.unit.jobs.attempts import CONFIGURED, a_text_answer
from tests.unit.jobs.fakes import FakeWorkflow, MemoryJobStore, MemoryRates, MemoryRecords
from tests.unit.jobs.settling import FakeBus, MemorySettlingStore

# What a Lambda function that is killed looks like to Step Functions.
KILLED = "Sandbox.Timedout"
# Three jobs at a time, and in a day money for about eight that succeed.
LIMITS = some_limits(concurrent_jobs=3).with_overrides('{"daily_usd": "0.05"}')


class Crash(BaseException):
    """The process is gone: nothing of ours catches it."""


class Wire:
    """Cuts the process at one of its outside calls: before it is made, or after it and before its answer is read."""

    def __init__(self) -> None:
        self._calls_left: int | None = None
        self._after = False

    def cut_at(self, call: int | None, *, after: bool = False) -> None:
        self._calls_left, self._after = call, after

    def call(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        is_cut = self._calls_left == 0
        if self._calls_left is not None:
            self._calls_left -= 1
        if is_cut and not self._after:
            raise Crash
        answer = function(*arguments, **named)
        if is_cut:
            raise Crash
        return answer


class Wired:
    """A part whose every call goes over the wire."""

    def __init__(self, part: Any, wire: Wire) -> None:
        self._part = part
        self._wire = wire

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._part, name)
        if name == "add_action":
            return method
        return lambda *arguments, **named: self._wire.call(method, *arguments, **named)


class Executions(FakeWorkflow):
    """Starts that fail, before or after the execution is there."""

    next_start: str = "works"

    def start(self, job_id: str, state: dict[str, Any]) -> None:
        how, self.next_start = self.next_start, "works"
        if how == "fails":
            raise WorkflowUnavailable
        super().start(job_id, state)
        if how == "loses its answer":
            raise WorkflowUnavailable


class InOrder(MemorySettlingStore):
    """Open jobs in the order they were made, as if in one shard: ids are random, and lives must repeat."""

    def due(self, shard: int, at: str, *, page_size: int) -> Iterator[list[str]]:
        if shard == 0:
            yield [job.id for job in list(self._jobs.values()) if job.due_at is not None and job.due_at <= at]


class FakeModel:
    """The provider. ``next_outcome`` is an error or None for an answer; ``meanwhile`` runs once, during the call."""

    def __init__(self, world: JobWorld) -> None:
        self._world = world
        self.next_outcome: BaseException | None = None
        self.meanwhile: Callable[[], object] | None = None
        self.calls: list[str] = []

    def generate(
        self,
        model: Model,
        request: ProviderRequest,
        *,
        on_text: Callable[[str], None] | None = None,
        within_seconds: float | None = None,
    ) -> Answer:
        job_id = self._world.at_work[-1]
        self.calls.append(job_id)
        begun = [call for (owner, _), call in self._world.jobs.calls.items() if owner == job_id]
        assert len(begun) >= self.calls.count(job_id), "a call was paid for without a row"
        assert any(call.status is CallStatus.STARTED for call in begun)
        outcome, self.next_outcome = self.next_outcome, None
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            meanwhile()
        if outcome is not None:
            raise outcome
        return a_text_answer()


class JobWorld:
    """``bus_takes`` and ``admits`` say whether events are taken and the rate check passes."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.wire = Wire()
        self.jobs = MemoryJobStore()
        self.records = MemoryRecords(self.jobs)
        self.workflow = Executions()
        self.bus = FakeBus()
        self.spending = MemorySpending()
        self.parked: list[tuple[str, dict[str, Any]]] = []
        self.provider = FakeModel(self)
        self.at_work: list[str] = []
        self.walks: dict[str, Walk] = {}
        self.admits = True
        self.queue_takes = True
        self._settling = InOrder(self.jobs)

    @property
    def events(self) -> list[tuple[str, dict[str, Any]]]:
        """What was published, then what was parked for an operator to publish."""
        return [*self.bus.published, *self.parked]

    @property
    def settlement(self) -> Settlement:
        parts = (self._settling, self.workflow, self.bus, self.spending)
        return Settlement(*(self._wired(part) for part in parts))

    def submit(self, key: str | None) -> Submission:
        intake = Intake(
            self._wired(self.jobs),
            self._wired(MemoryRates()),
            self._wired(self.workflow),
            self._wired(self.records),
            {"anonymous": LIMITS},
            CONFIGURED,
            retention_days=90,
        )
        return intake.submit(an_enhance_request(), a_caller(), an_origin(key), at_ms=self.clock())

    def take_up_executions(self) -> None:
        """Those that were started and are not walked yet; those that were stopped walk no further."""
        for job_id, state in self.workflow.started.items():
            if job_id not in self.walks:
                self.walks[job_id] = Walk(state, job_id, self.perform, self.clock)
        for job_id, walk in self.walks.items():
            if self.workflow.statuses[job_id] != "RUNNING":
                walk.status = self.workflow.statuses[job_id]
            self.workflow.statuses[job_id] = walk.status

    def perform(self, resource: str, arguments: dict[str, Any]) -> Any:
        """One task of a workflow."""
        try:
            return self._perform(resource, arguments)
        finally:
            self.take_up_executions()

    def _perform(self, resource: str, arguments: dict[str, Any]) -> Any:
        match resource.rpartition(":::")[2]:
            case "aws-sdk:dynamodb:transactWriteItems":
                return self.wire.call(self._transact, *(one["Update"] for one in arguments["TransactItems"]))
            case "dynamodb:updateItem":
                return self._update(arguments)
            case "events:putEvents":
                (entry,) = arguments["Entries"]
                return self._ours(lambda: self.wire.call(self.bus.publish, entry["DetailType"], entry["Detail"]))
            case "sqs:sendMessage":
                return self.wire.call(self._park, arguments["MessageBody"])
            case "aws-sdk:sfn:stopExecution":
                execution = arguments["ExecutionArn"]
                return self._ours(lambda: self.wire.call(self.workflow.stop, execution, error="x", cause="x"))
            case "lambda:invoke":
                return {"Payload": self._ours(lambda: self._invoke(arguments["FunctionName"], arguments["Payload"]))}
        raise NotImplementedError(resource)

    def _wired(self, part: Any) -> Any:
        return Wired(part, self.wire)

    def _invoke(self, function: str, payload: dict[str, Any]) -> dict[str, Any]:
        jobs = self._wired(self.jobs)
        if function == "${AssemblePromptFunctionArn}":
            return assemble_prompt(
                claim_of(payload),
                jobs=jobs,
                spending=self._wired(self.spending),
                configured=CONFIGURED,
                at_ms=self.clock(),
            )
        self.at_work.append(payload["job_id"])
        try:
            return run_attempt(
                payload["job_id"],
                payload["model"],
                step="InvokeBedrock",
                provider=self._wired(self.provider),
                jobs=jobs,
                clock=self.clock,
                rest=self.clock.sleep,
            )
        finally:
            self.at_work.pop()

    def _ours(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except PromptmillError as error:
            raise TaskFailed(type(error).__name__) from error

    def _update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        kind = arguments["Key"]["pk"]["S"].partition("#")[0]
        if kind == "RATE":
            if not self.admits:
                raise TaskFailed(CONDITION_FAILED)
            return {}
        written: dict[str, Any] = self.wire.call(self._settle if kind == "SPEND" else self._write, arguments)
        return written

    def _settle(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if not self.spending.write(arguments):
            raise TaskFailed(CONDITION_FAILED)
        return {}

    def _transact(self, settle: dict[str, Any], close: dict[str, Any]) -> dict[str, Any]:
        if not self.spending.write(settle):
            raise TaskFailed(TRANSACTION_CANCELED)
        self._write(close)
        return {}

    def _write(self, arguments: dict[str, Any]) -> dict[str, Any]:
        job_id = arguments["Key"]["pk"]["S"].removeprefix("JOB#")
        done = update_item(dict(job_item(self.jobs.jobs[job_id])), arguments)
        if done is None:
            raise TaskFailed(CONDITION_FAILED)
        self.jobs.jobs[job_id] = job_of(done[0])
        return {"Attributes": done[1]}

    def _park(self, body: dict[str, Any]) -> None:
        if not self.queue_takes:
            raise TaskFailed("Sqs.SdkClientException")
        self.parked.append((body["DetailType"], json.loads(body["Detail"])))
