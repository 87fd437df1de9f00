"""From a job to what its provider is sent, and back from its stored form. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from promptmill.errors import JobStateBroken
from promptmill.prompting.model import EnhancementRequest, ImageRequest, Length, Message, TextRequest, Tone
from promptmill.prompting.task_type import TaskType

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from promptmill.prompting.model import ProviderRequest


def assemble_request(job: Job) -> ProviderRequest:
    """The provider request of a job: the same job gives the same one. Raises ``JobStateBroken`` for another kind."""
    match job.kind:
        case "enhance":
            from promptmill.prompting.meta_prompt import assemble_enhancement

            return assemble_enhancement(
                EnhancementRequest(
                    prompt=job.input["prompt"],
                    tone=Tone(job.input["tone"]) if job.input.get("tone") else None,
                    length=Length(job.input["length"]) if job.input.get("length") else None,
                    language=job.input.get("language"),
                )
            )
        case "image":
            style = job.input.get("style")
            return ImageRequest(
                prompt=f"{job.input['prompt']}, {style} style" if style else job.input["prompt"],
                width=job.input["width"],
                height=job.input["height"],
                steps=job.input["steps"],
                n=job.input["n"],
                seed=job.input["seed"] if job.input.get("seed") is not None else job_seed(job.id),
                negative_prompt=job.input.get("negative_prompt"),
            )
        case _:
            raise JobStateBroken(f"there is no assembly for kind {job.kind}")


def job_seed(job_id: str) -> int:
    """The seed of an image job that names none: fixed per job, so that a repeated call draws the same."""
    return int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:4], "big")


def request_to_state(request: ProviderRequest) -> dict[str, Any]:
    """The stored form of a provider request."""
    form = "text" if isinstance(request, TextRequest) else "image"
    return {"form": form, **asdict(request)}


def request_from_state(stored: dict[str, Any] | None) -> ProviderRequest:
    """The provider request in its stored form; raises ``JobStateBroken`` when there is none, or it is not one."""
    try:
        fields = dict(stored or {})
        if fields.pop("form") == "image":
            return ImageRequest(**fields)
        fields["messages"] = tuple(Message(**message) for message in fields["messages"])
        fields["task_type"] = TaskType(fields["task_type"])
        return TextRequest(**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise JobStateBroken("the stored provider request cannot be read") from error
