"""What the OpenAPI document says of the query parameters of lists; serving them needs none of this."""

from __future__ import annotations

from typing import Any

from promptmill.events.webhooks.model import DeliveryStatus
from promptmill.jobs.listing.query import MAX_LENGTHS
from promptmill.jobs.model import KINDS, JobStatus
from promptmill.paging import DEFAULT_LIMIT, MAX_LIMIT


def list_parameters() -> list[dict[str, Any]]:
    """The parameters of GET /v1/jobs."""
    return [
        _parameter("status", "Jobs in this state only.", enum=[status.value for status in JobStatus]),
        _parameter("kind", "Jobs of this kind only.", enum=list(KINDS)),
        _parameter(
            "created_after",
            "Jobs created after this time only, which is exclusive and has a zone. What is finer than a millisecond is "
            "dropped.",
            format="date-time",
        ),
        _parameter(
            "owner",
            "The jobs of this owner, for operators only. Without it, the caller's own.",
            pattern="^(usr|ip)_[0-9a-f]{32}$",
        ),
        *page_parameters(),
    ]


def delivery_parameters() -> list[dict[str, Any]]:
    """The parameters of GET /v1/webhooks/{webhook_id}/deliveries."""
    statuses = [status.value for status in DeliveryStatus]
    return [_parameter("status", "Deliveries in this state only.", enum=statuses), *page_parameters()]


def page_parameters() -> list[dict[str, Any]]:
    """The parameters that every list has."""
    return [
        {
            "in": "query",
            "name": "limit",
            "description": "How many entries a page has at most. Given at most once.",
            "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        },
        _parameter("cursor", "The `next_cursor` of a page of the same list: same owner, same filters.", minLength=1),
    ]


def _parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "in": "query",
        "name": name,
        "description": f"{description} Given at most once.",
        "schema": {"type": "string", "maxLength": MAX_LENGTHS[name], **schema},
    }
