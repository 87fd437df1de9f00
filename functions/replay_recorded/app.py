"""Gives the recorded answer of the job that is replayed. Called by GenerationWorkflow.ReplayRecorded."""

from typing import Any

from promptmill.artifacts.store import ArtifactStore, artifact_store
from promptmill.jobs.attempt import run_attempt
from promptmill.jobs.replay.recorded import answer_for
from promptmill.jobs.store import JobStore, job_store
from promptmill.providers.recorded import RecordedProvider
from promptmill.step_log import logged_step


def lambda_handler(
    event: dict[str, Any],
    context: object,
    *,
    jobs: JobStore | None = None,
    artifacts: ArtifactStore | None = None,
) -> dict[str, Any]:
    jobs, artifacts = jobs or job_store(), artifacts or artifact_store()
    with logged_step(
        "ReplayRecorded", job_id=event["job_id"], correlation_id=event["correlation_id"], model=event["model"]
    ):
        return run_attempt(
            event["job_id"],
            event["model"],
            step="ReplayRecorded",
            provider=RecordedProvider(answer_for(event["job_id"], jobs=jobs), artifacts.read),
            jobs=jobs,
            artifacts=artifacts,
        )
