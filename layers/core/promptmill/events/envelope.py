"""The events of a job. The workflow publishes them; the first one is made here, the others are it with another end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptmill.clock import derived_id

if TYPE_CHECKING:
    from promptmill.jobs.model import Job

VERSION = "1"


def accepted_event(job: Job) -> dict[str, Any]:
    """The detail of ``job.accepted``: ids and figures, never the prompt."""
    return {
        "metadata": {
            "id": derived_id("evt", job.id, "accepted"),
            "version": VERSION,
            "occurred_at": job.created_at,
            "owner": job.owner,
            "job_id": job.id,
            "sequence": job.status.sequence,
            "correlation_id": job.correlation_id,
            "traceparent": job.traceparent,
        },
        "data": {
            "kind": job.kind,
            "status": job.status.value,
            "links": {"self": job.self_url},
            "metadata": job.metadata,
        },
    }


def outcome_event_id(job_id: str) -> str:
    """The id of the job's one terminal event, whoever settles it."""
    return derived_id("evt", job_id, "outcome")
