"""The signature of a webhook, as Standard Webhooks has it. Pure.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: HMAC-SHA256 over
``id.timestamp.body``, the timestamp in whole seconds since the epoch.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

from promptmill.clock import epoch_ms

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptmill.events.webhooks.model import Secret

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with


def signed_headers(event_id: str, body: bytes, secrets: Iterable[Secret], *, at_ms: int) -> dict[str, str]:
    """The three headers of an event that is sent at ``at_ms``, with a signature for every secret valid then."""
    timestamp = str(at_ms // 1000)
    signed = f"{event_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets if _is_valid(secret, at_ms)),
    }


def _signature(secret: Secret, signed: bytes) -> str:
    key = base64.b64decode(secret.value.removeprefix(SECRET_PREFIX))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def _is_valid(secret: Secret, at_ms: int) -> bool:
    return secret.valid_until is None or at_ms < epoch_ms(secret.valid_until)
