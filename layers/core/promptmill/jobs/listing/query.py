"""What GET /v1/jobs may be asked: its parameters, their rules and limits. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptmill.clock import epoch_ms, instant_ms
from promptmill.errors import InvalidParameter
from promptmill.jobs.model import KINDS, JobStatus
from promptmill.paging import DEFAULT_LIMIT, PAGE_LENGTHS, limit_of, single_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptmill.jobs.model import Job

MAX_LENGTHS = {"status": 16, "kind": 16, "created_after": 40, "owner": 36, **PAGE_LENGTHS}
"""The parameters there are, and how many characters each may have."""

_OWNER = re.compile(r"(?:usr|ip)_[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class JobFilter:
    """The jobs that are asked for; None is any. ``created_after_ms`` itself is not among them."""

    status: JobStatus | None = None
    kind: str | None = None
    created_after_ms: int | None = None

    def matches(self, job: Job) -> bool:
        return (
            self.status in {None, job.status}
            and self.kind in {None, job.kind}
            and (self.created_after_ms is None or epoch_ms(job.created_at) > self.created_after_ms)
        )


@dataclass(frozen=True, slots=True)
class ListRequest:
    """One page of jobs, as asked for. ``owner`` is None for the caller's own; ``cursor`` is still as they sent it."""

    job_filter: JobFilter
    owner: str | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


def list_request(parameters: Mapping[str, Sequence[str]]) -> ListRequest:
    """The request in a query string's parameters, each with all its values.

    Raises ``InvalidParameter`` naming the parameter and its rule, for one nobody knows too: a typo must not list
    everything.
    """
    sent = single_values(parameters, MAX_LENGTHS)
    return ListRequest(
        JobFilter(
            status=JobStatus(_one_of("status", sent["status"], list(JobStatus))) if "status" in sent else None,
            kind=_one_of("kind", sent["kind"], KINDS) if "kind" in sent else None,
            created_after_ms=_instant_ms("created_after", sent["created_after"]) if "created_after" in sent else None,
        ),
        owner=_owner(sent["owner"]) if "owner" in sent else None,
        limit=limit_of(sent),
        cursor=sent.get("cursor"),
    )


def _one_of(name: str, text: str, allowed: Sequence[str]) -> str:
    if text not in allowed:
        *first, last = allowed
        raise InvalidParameter(f"{name} must be one of {', '.join(first)} or {last}.")
    return text


def _owner(text: str) -> str:
    if not _OWNER.fullmatch(text):
        raise InvalidParameter("owner must be the owner of a job, such as usr_ and 32 digits.")
    return text


def _instant_ms(name: str, text: str) -> int:
    try:
        return instant_ms(text)
    except ValueError:
        raise InvalidParameter(
            f"{name} must be an RFC 3339 time with a zone, such as 2026-11-21T10:00:00.000Z; a + is written %2B."
        ) from None
