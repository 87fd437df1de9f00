"""One ledgered model call through Bedrock. Called by GenerationWorkflow.InvokeBedrock."""

from functools import cache
from typing import Any

from promptmill.jobs.attempt import run_attempt
from promptmill.jobs.store import JobStore, job_store
from promptmill.providers.bedrock import BedrockProvider
from promptmill.providers.interface import Provider
from promptmill.step_log import logged_step

bedrock_provider = cache(BedrockProvider)


def lambda_handler(
    event: dict[str, Any], context: object, *, jobs: JobStore | None = None, provider: Provider | None = None
) -> dict[str, Any]:
    with logged_step(
        "InvokeBedrock", job_id=event["job_id"], correlation_id=event["correlation_id"], model=event["model"]
    ):
        return run_attempt(
            event["job_id"],
            event["model"],
            step="InvokeBedrock",
            provider=provider or bedrock_provider(),
            jobs=jobs or job_store(),
        )
