"""A deployed stack in memory, and a shell that runs commands on it."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from operations.deployment import Deployment
from operations.journal import Journal
from operations.program import operations
from promptmill.clock import epoch_ms
from promptmill.errors import PromptmillError
from promptmill.jobs.execution.gateway import Start
from promptmill.jobs.execution.reading import ExecutionReader
from promptmill.jobs.intake import Intake
from promptmill.jobs.model import Job
from tests.support.builders import a_job, a_policy, plans_of
from tests.unit.execution.fakes import FakeExecutions, MemoryLedger
from tests.unit.execution.histories import History
from tests.unit.identity.fakes import MemoryApiKeys, MemoryOverrides
from tests.unit.jobs.attempts import CONFIGURED
from tests.unit.jobs.fakes import MemoryArtifacts, MemoryJobListing, MemoryJobStore, MemoryRates, MemoryRecords
from tests.unit.jobs.settling import World

USER = f"usr_{'a' * 32}"
OPERATOR = "arn:aws:sts::123456789012:assumed-role/operator/ada"
# No test is about jobs that are past their expiry by the machine's clock.
KEPT_UNTIL_SECONDS = 10**10


class MemoryJournal(Journal):
    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, str]]] = []

    def note(self, command: str, **ids: str) -> None:
        self.lines.append((command, ids))


class Stage:
    """One stack; ``asked`` are the stages it was looked for in. ``error`` is what its executions raise."""

    def __init__(self, *, error: PromptmillError | None = None) -> None:
        self.histories: dict[str, History] = {}
        self.executions = FakeExecutions(self.histories, error=error)
        self.jobs = MemoryJobStore()
        self.world = World(jobs=self.jobs)
        self.journal = MemoryJournal()
        self.keys = MemoryApiKeys(USER)
        self.rates = MemoryRates()
        self.asked: list[str] = []
        self.deployment = Deployment("dev", {}, session=None)
        self._equip(self.deployment)

    def has(self, status: str = "running", *, execution: str | None = "RUNNING", **fields: Any) -> Job:
        """A stored job, newer than those before it, with an execution of this status; None is a job without one."""
        job = self.world.has(a_job(status, **{"expires_at_seconds": KEPT_UNTIL_SECONDS, **fields}), execution)
        if execution is not None:
            self.executions.started.insert(0, Start(job.id, execution, epoch_ms(job.created_at)))
        return job

    def find(self, stage: str) -> Deployment:
        self.asked.append(stage)
        return self.deployment

    def run(self, *arguments: str, endpoint: str = "") -> Result:
        return CliRunner(mix_stderr=False).invoke(
            operations, arguments, obj=self.find, env={"AWS_ENDPOINT_URL": endpoint}
        )

    def results(self, *arguments: str) -> list[dict[str, Any]]:
        """What a command that ends well prints for a program."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    def _equip(self, deployment: Deployment) -> None:
        plans, workflow = plans_of(a_policy()), self.world.workflow
        deployment.operator = OPERATOR
        deployment.journal = self.journal
        deployment.jobs = self.jobs
        deployment.listing = MemoryJobListing(self.jobs)
        deployment.settlement = self.world.settlement
        deployment.settling = deployment.settlement.jobs
        deployment.executions = self.executions
        deployment.reader = ExecutionReader(self.executions, MemoryLedger(self.jobs), has_console=True)
        deployment.artifacts = MemoryArtifacts()
        deployment.rates = self.rates
        deployment.spending = self.world.spending
        deployment.plans = plans
        deployment.keys = self.keys
        deployment.overrides = MemoryOverrides(self.keys)
        records = MemoryRecords(self.jobs)
        deployment.intake = Intake(self.jobs, self.rates, workflow, records, plans, CONFIGURED, retention_days=90)
