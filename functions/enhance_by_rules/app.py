"""The rule-based enhancer, the last fallback of an enhancement. Called by GenerationWorkflow.EnhanceByRules."""

from typing import Any

from promptmill.jobs.attempt import run_attempt
from promptmill.jobs.store import JobStore, job_store
from promptmill.providers.rules import RulesProvider
from promptmill.step_log import logged_step


def lambda_handler(event: dict[str, Any], context: object, *, jobs: JobStore | None = None) -> dict[str, Any]:
    with logged_step(
        "EnhanceByRules", job_id=event["job_id"], correlation_id=event["correlation_id"], model=event["model"]
    ):
        return run_attempt(
            event["job_id"], event["model"], step="EnhanceByRules", provider=RulesProvider(), jobs=jobs or job_store()
        )
