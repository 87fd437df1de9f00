"""The cursors of a list of jobs, each bound to its owner and to what was asked for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptmill import paging

if TYPE_CHECKING:
    from promptmill.jobs.listing.query import JobFilter

_LABEL = "cursor of GET /v1/jobs, version 1"


def cursor_key(salt: str) -> bytes:
    """The key of these cursors."""
    return paging.cursor_key(salt, _LABEL)


def make_cursor(position: str, *, owner: str, job_filter: JobFilter, key: bytes) -> str:
    """The cursor of the page behind the job ``position``."""
    return paging.make_cursor(position, bound=_bound(owner, job_filter), key=key)


def position_of(cursor: str, *, owner: str, job_filter: JobFilter, key: bytes) -> str:
    """The job a cursor stands behind; raises ``InvalidParameter`` unless it was made for this owner and filter."""
    return paging.position_of(cursor, bound=_bound(owner, job_filter), key=key)


def _bound(owner: str, job_filter: JobFilter) -> list[str | int | None]:
    return [owner, job_filter.status, job_filter.kind, job_filter.created_after_ms]
