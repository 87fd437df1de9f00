"""GET /v1/jobs and /v1/jobs/{job_id}, health, models, the OpenAPI document, preflights, and every other path."""

from typing import Any

from promptmill.http.read_routes import read_api
from promptmill.http.resolver import resolve


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return resolve(read_api(), event, context)
