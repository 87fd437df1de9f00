"""The events of a job. The workflow publishes them; the first one is made here, the others are it with another end.

A job that is settled outside its execution, by its owner or by the sweeper, has its last event made here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptmill.clock import derived_id, epoch_ms

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


def outcome_event(job: Job) -> dict[str, Any]:
    """The detail of the terminal event of a job that is over: what its workflow publishes, from what is stored."""
    accepted = accepted_event(job)
    finished_at = job.finished_at or job.created_at
    # Who settles a job need not have the clock of who took it.
    duration_ms = max(0, epoch_ms(finished_at) - epoch_ms(job.created_at))
    data: dict[str, Any] = {"status": job.status.value, "duration_ms": duration_ms}
    if job.status.value == "succeeded":
        data["usage"] = job.usage
    data["cost"] = job.cost
    if job.error is not None:
        data["error"] = job.error
    outcome = {"id": outcome_event_id(job.id), "sequence": job.status.sequence, "occurred_at": finished_at}
    return {"metadata": {**accepted["metadata"], **outcome}, "data": {**accepted["data"], **data}}
