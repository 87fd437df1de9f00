"""A job that stands before its provider step, and the answers a provider may give."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image as Picture

from promptmill.jobs.assemble import assemble_prompt
from promptmill.jobs.attempt import run_attempt
from promptmill.providers.failures import failure
from promptmill.providers.interface import Answer, Image, Usage
from tests.support.builders import AT_MS, FakeClock, a_claim, a_job
from tests.unit.jobs.accounts import MemorySpending

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.artifacts.store import ArtifactStore
    from promptmill.errors import PromptmillError
    from promptmill.jobs.ledger import Call
    from promptmill.jobs.model import Job
    from promptmill.jobs.store import JobStore
    from promptmill.jobs.streaming.store import ChunkStore
    from promptmill.providers.interface import Provider

TEXT_MODEL = "nova-2-lite"  # 0.33 and 2.75 dollars per million tokens
OTHER_TEXT_MODEL = "claude-haiku-4.5"
IMAGE_MODEL = "flux-schnell"
CONFIGURED = {"enhance": [TEXT_MODEL, OTHER_TEXT_MODEL], "image": [IMAGE_MODEL]}
TEXT = "Write a firm, polite letter to my landlord."
USAGE = Usage(input_tokens=300, output_tokens=200)
USD = Decimal("0.000649")  # 300 * 0.33 + 200 * 2.75, per million


def assembled(jobs: JobStore, **fields: Any) -> Job:
    """A job whose provider request is written, as AssemblePrompt leaves it."""
    job = a_job(**fields)
    jobs.add(job)
    assemble_prompt(a_claim(job), jobs=jobs, spending=MemorySpending(), configured=CONFIGURED, at_ms=AT_MS)
    return job


def attempt(
    jobs: JobStore,
    job: Job,
    provider: Provider,
    *,
    model: str | None = None,
    step: str = "InvokeBedrock",
    artifacts: ArtifactStore | None = None,
    chunks: ChunkStore | None = None,
    clock: FakeClock | None = None,
    count: Callable[[Job, Call], None] = lambda _job, _call: None,
) -> dict[str, Any]:
    alias = model or (IMAGE_MODEL if job.kind == "image" else TEXT_MODEL)
    clock = clock or FakeClock()
    return run_attempt(
        job.id,
        alias,
        step=step,
        provider=provider,
        jobs=jobs,
        artifacts=artifacts,
        chunks=chunks,
        count=count,
        clock=clock,
        rest=clock.sleep,
    )


def a_text_answer(text: str = TEXT, *, usage: Usage = USAGE, truncated: bool = False) -> Answer:
    return Answer(usage=usage, text=text, truncated=truncated, provider_request_id="req-bedrock-1")


def a_picture(shade: int = 0) -> bytes:
    content = BytesIO()
    Picture.new("L", (64, 32), shade).save(content, "PNG")
    return content.getvalue()


def an_image_answer(*shades: int) -> Answer:
    images = tuple(Image(a_picture(shade), "image/png", 64, 32) for shade in shades)
    return Answer(usage=Usage(images=len(shades), megapixels=Decimal("0.002048") * len(shades)), images=images)


def failing(
    kind: type[PromptmillError], *, usage: Usage | None = None, retry_after_seconds: int | None = None
) -> PromptmillError:
    return failure(kind, "as the test says", usage=usage, retry_after_seconds=retry_after_seconds)


def stored(jobs: JobStore, job: Job) -> Job:
    return jobs.load_work(job.id).job


def rows(jobs: JobStore, job: Job) -> list[dict[str, Any]]:
    """The ledger: what each call is known to have cost, and what is said of it."""
    return [
        {
            "number": call.number,
            "status": call.status.value,
            "usd": call.upper_bound_usd if call.cost_usd is None else call.cost_usd,
            "estimated": call.estimated,
            "error": call.error,
        }
        for call in jobs.load_work(job.id).calls
    ]
