"""GET: a job, its execution, health, models, the OpenAPI document; preflights, and the answer to every other path."""

from typing import Any

from promptmill.http.read_routes import read_api
from promptmill.http.resolver import resolve


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return resolve(read_api(), event, context)
