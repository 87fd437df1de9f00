"""/v1/webhooks: the admins' routes of webhooks and of what they are sent."""

from typing import Any

from promptmill.http.resolver import resolve
from promptmill.http.webhook_admin_routes import webhook_api


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return resolve(webhook_api(), event, context)
