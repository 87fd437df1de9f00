"""POST /v1/jobs/{job_id}/redrive: has the job's execution go on from the step it ended in. For operators."""

from typing import Any

from promptmill.http.redrive_routes import redrive_api
from promptmill.http.resolver import resolve


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return resolve(redrive_api(), event, context)
