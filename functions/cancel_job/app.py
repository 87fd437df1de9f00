"""POST /v1/jobs/{job_id}/cancel: settles the job as canceled, stops its execution, publishes its event."""

from typing import Any

from promptmill.http.cancel_routes import cancel_api
from promptmill.http.resolver import resolve


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return resolve(cancel_api(), event, context)
