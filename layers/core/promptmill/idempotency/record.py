"""What a repeated Idempotency-Key means. Pure.

The record of a key names the job it made and a digest of the request that made it. It lasts 24 hours.
draft-ietf-httpapi-idempotency-key-header-07 has the terms.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

LIFETIME_SECONDS = 24 * 60 * 60
# Longer than starting an execution takes with all the SDK's retries; whoever was starting it is taken for dead then.
LEASE_MS = 30_000


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """``started`` once the job's execution is known to be there; its maker is at work on that until the lease ends."""

    job_id: str
    request_digest: str
    lease_ends_ms: int
    expires_at_seconds: int
    started: bool = False


class Repeat(Enum):
    """What a request with a known key is."""

    MISMATCH = auto()
    """Another request under the same key."""
    IN_FLIGHT = auto()
    """The same, while the first is being accepted."""
    ABANDONED = auto()
    """The same, after the first was cut off before its execution was known to be there."""
    REPLAY = auto()
    """The same, after the first was accepted."""


def judge(record: IdempotencyRecord, request_digest: str, at_ms: int) -> Repeat:
    if record.request_digest != request_digest:
        return Repeat.MISMATCH
    if record.started:
        return Repeat.REPLAY
    return Repeat.IN_FLIGHT if at_ms < record.lease_ends_ms else Repeat.ABANDONED


def new_record(job_id: str, request_digest: str, at_ms: int) -> IdempotencyRecord:
    return IdempotencyRecord(job_id, request_digest, at_ms + LEASE_MS, at_ms // 1000 + LIFETIME_SECONDS)


def digest_request(request: dict[str, Any]) -> str:
    """A digest of a validated request: the order of its fields and its white space do not count, its defaults do."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
