"""One ledgered model call through Bedrock. Called by GenerationWorkflow.InvokeBedrock."""

from functools import cache
from typing import Any

from promptmill.jobs.attempt import run_attempt
from promptmill.jobs.store import JobStore, job_store
from promptmill.providers.bedrock import BedrockProvider
from promptmill.providers.interface import Provider

bedrock_provider = cache(BedrockProvider)


def lambda_handler(
    event: dict[str, Any], context: object, *, jobs: JobStore | None = None, provider: Provider | None = None
) -> dict[str, Any]:
    return run_attempt(
        event["job_id"],
        event["model"],
        step="InvokeBedrock",
        provider=provider or bedrock_provider(),
        jobs=jobs or job_store(),
    )
