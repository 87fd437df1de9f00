"""An API key as its admins see it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptmill.identity.api_keys.model import KeyStatus

if TYPE_CHECKING:
    from promptmill.identity.api_keys.model import ApiKey


def key_view(key: ApiKey, *, at_ms: int) -> dict[str, Any]:
    """Everything of a key but what opens it."""
    status = key.status(at_ms)
    overlapping = key.secrets[1].valid_until if len(key.secrets) > 1 and status is KeyStatus.ACTIVE else None
    return {
        "id": key.id,
        "object": "api_key",
        "name": key.name,
        "owner": key.owner,
        "scopes": sorted(key.scopes),
        "status": status,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "previous_secret_expires_at": overlapping,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }
