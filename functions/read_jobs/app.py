"""The GET routes: jobs, what hangs below them, health, models, the OpenAPI document; preflights; every other path."""

from typing import Any

from promptmill.http.read_routes import read_api
from promptmill.http.resolver import resolve


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return resolve(read_api(), event, context)
