"""Where the next page of a list begins, as text only we can make. Pure.

A cursor is the id of the last job that was looked at, behind a keyed hash of it, of the owner and of what was asked
for: it holds for the same list and no other. How many jobs a page has may change from page to page.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING

from promptmill.errors import InvalidParameter

if TYPE_CHECKING:
    from promptmill.jobs.listing.query import JobFilter

_TAG_BYTES = 16
_LABEL = b"cursor of GET /v1/jobs, version 1"


def cursor_key(salt: str) -> bytes:
    """The key of this use, so that a hash made for another says nothing here."""
    return hmac.new(salt.encode(), _LABEL, hashlib.sha256).digest()


def make_cursor(position: str, *, owner: str, job_filter: JobFilter, key: bytes) -> str:
    """The cursor of the page behind the job ``position``, in base64url without padding."""
    bound = [owner, job_filter.status, job_filter.kind, job_filter.created_after_ms, position]
    tag = hmac.new(key, json.dumps(bound).encode(), hashlib.sha256).digest()[:_TAG_BYTES]
    return base64.urlsafe_b64encode(tag + position.encode()).rstrip(b"=").decode()


def position_of(cursor: str, *, owner: str, job_filter: JobFilter, key: bytes) -> str:
    """The job a cursor stands behind; raises ``InvalidParameter`` unless it was made for this owner and filter."""
    try:
        position = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[_TAG_BYTES:].decode()
        # The whole text is compared: base64 has several ways to write the same bytes.
        expected = make_cursor(position, owner=owner, job_filter=job_filter, key=key)
        is_ours = hmac.compare_digest(expected.encode(), cursor.encode())
    except ValueError:
        is_ours = False
    if not is_ours:
        raise InvalidParameter("cursor must be the next_cursor of a page of the same list.")
    return position
