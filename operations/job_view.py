"""Jobs as operators see them: figures and ids; what the user wrote or was given only when that is asked for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operations.job_search import model_of
from promptmill.jobs.reading import progress, public_error, public_job
from promptmill.limits.money import format_nanousd
from promptmill.providers.cost import format_usd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from promptmill.jobs.ledger import Call
    from promptmill.jobs.model import Job

COLUMNS = ("id", "status", "kind", "created_at", "model", "cost_usd", "error", "owner")
_CONTENT = ("input", "result")


def job_row(job: Job) -> dict[str, Any]:
    """A job in a list."""
    return {
        "id": job.id,
        "status": job.status.value,
        "kind": job.kind,
        "owner": job.owner,
        "model": model_of(job),
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "step": progress(job)["step"],
        "cost_usd": job.cost["model_usd"] if job.cost else None,
        "error": job.error["code"] if job.error else None,
        "replay_of": job.replay_of,
    }


def job_change(job: Job) -> dict[str, Any]:
    """Where a job has got to."""
    error = public_error(job)
    return {
        "job_id": job.id,
        "status": job.status.value,
        "step": progress(job)["step"],
        "error": error["code"] if error else None,
    }


def job_in_full(
    job: Job, calls: Sequence[Call], *, link: Callable[[str], str] | None, link_expires_at: str
) -> dict[str, Any]:
    """A job with its account and its ledger; with ``link``, which makes URLs of artifacts' keys, its content too."""
    document = public_job(job, base_url=base_url_of(job), link=link or str, link_expires_at=link_expires_at)
    return {
        **{name: value for name, value in document.items() if link or name not in _CONTENT},
        "subject": job.subject,
        "reservation": {
            "day": job.reservation.day,
            "usd": format_nanousd(job.reservation.nanousd),
            "images": job.reservation.images,
        },
        "due_at": job.due_at,
        "correlation_id": job.correlation_id,
        "traceparent": job.traceparent,
        "calls": [_call(call) for call in calls],
    }


def base_url_of(job: Job) -> str:
    """The address its caller knows the API by."""
    return job.self_url.removesuffix(f"/v1/jobs/{job.id}")


def _call(call: Call) -> dict[str, Any]:
    return {
        "number": call.number,
        "step": call.step,
        "model": call.model,
        "status": call.status.value,
        "started_at": call.started_at,
        "finished_at": call.finished_at,
        "cost_usd": None if call.cost_usd is None else format_usd(call.cost_usd),
        "upper_bound_usd": format_usd(call.upper_bound_usd),
        "estimated": call.estimated,
        "error": call.error,
        "provider_request_id": call.provider_request_id,
    }
