"""POST /v1/jobs, /v1/jobs/{job_id}/replay and /v1/generate-prompt: validates, admits, stores, starts the workflow."""

from typing import Any

from promptmill.http.resolver import resolve
from promptmill.http.submit_routes import submit_api


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return resolve(submit_api(), event, context)
