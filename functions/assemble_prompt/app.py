"""Marks the job running and writes its provider request. Called by GenerationWorkflow.AssemblePrompt."""

from typing import Any

from promptmill.jobs.assemble import assemble_prompt
from promptmill.jobs.store import JobStore, job_store
from promptmill.settings import settings
from promptmill.step_log import logged_step


def lambda_handler(event: dict[str, Any], context: object, *, jobs: JobStore | None = None) -> dict[str, Any]:
    text_models, image_models = settings().require("text_models", "image_models")
    configured = {
        kind: [alias.strip() for alias in aliases.split(",")]
        for kind, aliases in (("enhance", text_models), ("image", image_models))
    }
    with logged_step("AssemblePrompt", job_id=event["job_id"]):
        return assemble_prompt(event["job_id"], jobs=jobs or job_store(), configured=configured)
