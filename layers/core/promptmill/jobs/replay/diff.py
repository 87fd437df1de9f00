"""What differs between two jobs of one owner. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from promptmill.jobs.model import JobStatus
from promptmill.providers.cost import format_usd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptmill.jobs.model import Job


def job_diff(one: Job, other: Job) -> dict[str, Any]:
    """The ``job_diff`` of the HTTP contract, from ``one`` to ``other``.

    A result and its usage count once their job succeeded. ``text`` and ``images`` are None unless both jobs have one.
    ``input`` and ``usage`` have only the fields that differ; a field that one side lacks is None there.
    """
    return {
        "object": "job_diff",
        "from": _identity(one),
        "to": _identity(other),
        "input": _fields(one.input, other.input),
        "text": _text(one, other),
        "images": _images(one, other),
        "usage": _fields(_settled(one, one.usage), _settled(other, other.usage)),
        "cost": _cost(one, other),
    }


def _identity(job: Job) -> dict[str, Any]:
    return {"id": job.id, "status": job.status.value, "kind": job.kind, "created_at": job.created_at}


def _settled(job: Job, part: dict[str, Any] | None) -> dict[str, Any]:
    return part if part is not None and job.status is JobStatus.SUCCEEDED else {}


def _fields(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {"from": one.get(name), "to": other.get(name)}
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    }


def _text(one: Job, other: Job) -> dict[str, Any] | None:
    before, after = (_settled(job, job.result).get("text") for job in (one, other))
    if before is None or after is None:
        return None
    return {"same": before == after, "unified": "" if before == after else _unified(one.id, before, other.id, after)}


def _unified(from_name: str, before: str, to_name: str, after: str) -> str:
    """A unified diff by lines, without the last line break."""
    from difflib import unified_diff

    lines = unified_diff(before.split("\n"), after.split("\n"), from_name, to_name, lineterm="")
    return "\n".join(lines)


def _images(one: Job, other: Job) -> dict[str, Any] | None:
    before, after = (_settled(job, job.result).get("images") for job in (one, other))
    if before is None or after is None:
        return None
    from_digests, to_digests = ([image["sha256"] for image in images] for images in (before, after))
    return {"same": from_digests == to_digests, "from": from_digests, "to": to_digests}


def _cost(one: Job, other: Job) -> dict[str, Any]:
    """What each job has cost so far; a job without a call yet has cost nothing."""
    before, after = (Decimal(job.cost["model_usd"]) if job.cost else Decimal(0) for job in (one, other))
    return {"from": format_usd(before), "to": format_usd(after), "difference_usd": format_usd(after - before)}
