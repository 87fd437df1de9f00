"""GET /v1/analytics: what jobs used, cost and took, by day, kind, model, status or prompt version."""

from typing import Any

from promptmill.http.analytics_routes import analytics_api
from promptmill.http.resolver import resolve


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return resolve(analytics_api(), event, context)
