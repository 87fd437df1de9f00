"""What GET /v1/jobs may be asked: its parameters, their rules and limits. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptmill.clock import epoch_ms
from promptmill.errors import InvalidParameter
from promptmill.jobs.model import KINDS, JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptmill.jobs.model import Job

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_LENGTHS = {"status": 16, "kind": 16, "created_after": 40, "owner": 36, "limit": 16, "cursor": 256}
"""The parameters there are, and how many characters each may have."""

# RFC 3339, section 5.6; what is finer than a millisecond is dropped.
_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_OWNER = re.compile(r"(?:usr|ip)_[0-9a-f]{32}", re.ASCII)
_LIMIT = re.compile(r"[1-9]\d{0,2}", re.ASCII)


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
    if not parameters.keys() <= MAX_LENGTHS.keys():
        raise InvalidParameter(f"The parameters are {_listed(MAX_LENGTHS)}; there are no others.")
    sent = {name: _single(name, values) for name, values in parameters.items()}
    return ListRequest(
        JobFilter(
            status=JobStatus(_one_of("status", sent["status"], list(JobStatus))) if "status" in sent else None,
            kind=_one_of("kind", sent["kind"], KINDS) if "kind" in sent else None,
            created_after_ms=_instant_ms("created_after", sent["created_after"]) if "created_after" in sent else None,
        ),
        owner=_owner(sent["owner"]) if "owner" in sent else None,
        limit=_limit(sent["limit"]) if "limit" in sent else DEFAULT_LIMIT,
        cursor=sent.get("cursor"),
    )


def _single(name: str, values: Sequence[str]) -> str:
    if len(values) != 1:
        raise InvalidParameter(f"{name} must be given once.")
    if len(values[0]) > MAX_LENGTHS[name]:
        raise InvalidParameter(f"{name} must not be longer than {MAX_LENGTHS[name]} characters.")
    return values[0]


def _one_of(name: str, text: str, allowed: Sequence[str]) -> str:
    if text not in allowed:
        raise InvalidParameter(f"{name} must be one of {_listed(allowed)}.")
    return text


def _instant_ms(name: str, text: str) -> int:
    if match := _INSTANT.fullmatch(text):
        date, time, fraction, zone = match.groups()
        milliseconds = (fraction or "")[:3].ljust(3, "0")
        try:
            return epoch_ms(f"{date}T{time}.{milliseconds}{zone.upper()}")
        except ValueError:
            pass
    raise InvalidParameter(
        f"{name} must be an RFC 3339 time with a zone, such as 2026-11-21T10:00:00.000Z; a + is written %2B."
    )


def _owner(text: str) -> str:
    if not _OWNER.fullmatch(text):
        raise InvalidParameter("owner must be the owner of a job, such as usr_ and 32 digits.")
    return text


def _limit(text: str) -> int:
    if not _LIMIT.fullmatch(text) or int(text) > MAX_LIMIT:
        raise InvalidParameter(f"limit must be a whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def _listed(names: Mapping[str, int] | Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if isinstance(names, dict) else f"{', '.join(first)} or {last}"
