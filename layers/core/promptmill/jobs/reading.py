"""A job as its owner sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptmill.clock import timestamp
from promptmill.error_codes import describe_code
from promptmill.jobs.model import Job, JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable

# The states of the workflow's happy path, in order; a provider step stands for the others in its place.
STEPS = ("CheckRate", "AssemblePrompt", "InvokeProvider", "PersistResult", "PublishOutcome")


def public_job(job: Job, *, base_url: str, link: Callable[[str], str], link_expires_at: str) -> dict[str, Any]:
    """The job of the HTTP contract. ``link`` turns an artifact's key into a URL that ends at ``link_expires_at``."""
    self_url = f"{base_url}/v1/jobs/{job.id}"
    return {
        "id": job.id,
        "object": "job",
        "kind": job.kind,
        "status": job.status.value,
        "owner": job.owner,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "expires_at": timestamp(job.expires_at_seconds * 1000),
        "deadline_at": job.deadline_at,
        "input": job.input,
        "progress": progress(job),
        "result": _result(job, link, link_expires_at) if job.status is JobStatus.SUCCEEDED else None,
        "error": public_error(job),
        "usage": job.usage if job.status is JobStatus.SUCCEEDED else None,
        "cost": job.cost,
        "metadata": job.metadata,
        "replay_of": job.replay_of,
        "replay_mode": job.replay_mode.value if job.replay_mode else None,
        "links": {
            "self": self_url,
            "cancel": f"{self_url}/cancel",
            "replay": f"{self_url}/replay",
            "events": f"{self_url}/events",
            "execution": f"{self_url}/execution",
        },
    }


def progress(job: Job) -> dict[str, Any]:
    """The step the workflow is at, and how many of its steps are behind it."""
    if job.status is JobStatus.SUCCEEDED:
        return {"step": None, "completed": len(STEPS), "total": len(STEPS)}
    step = job.step or STEPS[0]
    if job.result is not None:
        step = "PersistResult"
    position = STEPS.index(step) if step in STEPS else STEPS.index("InvokeProvider")
    return {"step": step, "completed": position, "total": len(STEPS)}


def public_error(job: Job) -> dict[str, Any] | None:
    """``code``, the ``step`` that gave up, a ``detail`` for people, and whether trying again may help."""
    if job.error is None:
        return None
    detail, retryable = describe_code(job.error["code"])
    return {"code": job.error["code"], "step": job.error.get("step"), "detail": detail, "retryable": retryable}


def _result(job: Job, link: Callable[[str], str], link_expires_at: str) -> dict[str, Any] | None:
    if job.result is None or "images" not in job.result:
        return job.result
    images = [
        {
            **{name: value for name, value in image.items() if name != "key"},
            "url": link(image["key"]),
            "url_expires_at": link_expires_at,
        }
        for image in job.result["images"]
    ]
    return {"images": images}
