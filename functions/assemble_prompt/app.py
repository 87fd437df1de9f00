"""Reserves what the job may cost, marks it running, writes its request. Called by GenerationWorkflow.AssemblePrompt."""

from typing import Any

from promptmill.jobs.assemble import assemble_prompt
from promptmill.jobs.reserving import claim_of
from promptmill.jobs.store import JobStore, job_store
from promptmill.limits.spending.store import SpendingStore, spending_store
from promptmill.providers.default import configured_models
from promptmill.step_log import logged_step


def lambda_handler(
    event: dict[str, Any], context: object, *, jobs: JobStore | None = None, spending: SpendingStore | None = None
) -> dict[str, Any]:
    with logged_step("AssemblePrompt", job_id=event["job_id"], correlation_id=event["correlation_id"]):
        return assemble_prompt(
            claim_of(event),
            jobs=jobs or job_store(),
            spending=spending or spending_store(),
            configured=configured_models(),
        )
