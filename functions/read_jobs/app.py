"""GET /v1/jobs/{job_id} and its diff, health, models, the OpenAPI document, preflights, and every unknown path."""

from typing import Any

from promptmill.http.read_routes import read_api
from promptmill.http.resolver import resolve


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return resolve(read_api(), event, context)
