"""One ledgered image call to Flux; the images go write-once to S3. Called by GenerationWorkflow.InvokeFlux."""

from functools import cache
from typing import Any

from promptmill.artifacts.store import ArtifactStore, artifact_store
from promptmill.jobs.attempt import run_attempt
from promptmill.jobs.store import JobStore, job_store
from promptmill.providers.flux import FluxProvider
from promptmill.providers.interface import Provider
from promptmill.providers.secret import together_key
from promptmill.settings import settings
from promptmill.step_log import logged_step


@cache
def flux_provider() -> FluxProvider:
    (url,) = settings().require("together_url")
    return FluxProvider(url, together_key)


def lambda_handler(
    event: dict[str, Any],
    context: object,
    *,
    jobs: JobStore | None = None,
    artifacts: ArtifactStore | None = None,
    provider: Provider | None = None,
) -> dict[str, Any]:
    with logged_step(
        "InvokeFlux", job_id=event["job_id"], correlation_id=event["correlation_id"], model=event["model"]
    ):
        return run_attempt(
            event["job_id"],
            event["model"],
            step="InvokeFlux",
            provider=provider or flux_provider(),
            jobs=jobs or job_store(),
            artifacts=artifacts or artifact_store(),
        )
