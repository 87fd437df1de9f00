"""DELETE /v1/me: starts the workflow that deletes the user."""

from typing import Any

from promptmill.http.deletion_routes import deletion_api
from promptmill.http.resolver import resolve


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return resolve(deletion_api(), event, context)
