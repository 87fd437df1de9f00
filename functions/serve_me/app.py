"""GET and PATCH /v1/me: the user who is signed in."""

from typing import Any

from promptmill.http.me_routes import me_api
from promptmill.http.resolver import resolve


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    return resolve(me_api(), event, context)
