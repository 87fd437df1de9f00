"""/v1/keys and /v1/limits: the admins' routes."""

from typing import Any

from promptmill.http.admin_routes import admin_api
from promptmill.http.resolver import resolve


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return resolve(admin_api(), event, context)
