"""GET /v1/me/limits: what limits the caller, and where the caller stands."""

from typing import Any

from promptmill.http.limits_routes import limits_api
from promptmill.http.resolver import resolve


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return resolve(limits_api(), event, context)
