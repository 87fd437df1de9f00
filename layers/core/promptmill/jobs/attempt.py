"""One provider step of a job: ledger row, call, artifacts, result, ledger settled. Running it twice is harmless.

The row is written before the call, so that no paid call is without one, and counts at once at its upper bound; the
result is written once, so that a second run finds the first one's, even one that overlaps with it; images go write-once
to S3 before the result names them.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from promptmill.artifacts.store import artifact_key
from promptmill.clock import derived_id, epoch_ms, now_ms, timestamp
from promptmill.errors import (
    DeadlinePassed,
    JobSettled,
    PromptmillError,
    ProviderAnswerBroken,
    ProviderTimeout,
    ReservationExhausted,
    StoreUnavailable,
)
from promptmill.jobs.ledger import Call, CallStatus, next_number, total_cost
from promptmill.jobs.model import JobStatus, ReplayMode
from promptmill.jobs.waiting import rest
from promptmill.limits.money import to_nanousd
from promptmill.prompting.assemble import request_from_state
from promptmill.prompting.model import TextRequest
from promptmill.providers.catalog import find_model
from promptmill.providers.cost import cost_usd, format_usd, upper_bound_usd
from promptmill.providers.failures import billed_usage, retry_after_seconds
from promptmill.providers.recorded import free_model, record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from promptmill.artifacts.store import ArtifactStore
    from promptmill.jobs.model import Job
    from promptmill.jobs.store import JobStore
    from promptmill.jobs.streaming.store import ChunkStore
    from promptmill.jobs.streaming.writer import ChunkWriter
    from promptmill.providers.catalog import Model
    from promptmill.providers.interface import Answer, ImageRequest, Provider, ProviderRequest, Usage

_MAY_BE_BILLED = frozenset({"provider_timeout", "provider_stream_broken", "provider_answer_broken"})
# With the attempt's own deadline and the store's calls, this stays within the function's timeout.
MAX_REST_SECONDS = 5
# With the calls of the store, at their slowest, this stays within the function's timeout too.
_SETTLE_ATTEMPTS = 4
_SETTLE_PAUSE_SECONDS = 0.3
_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg"}


def run_attempt(  # noqa: PLR0913 - each outside part is a parameter
    job_id: str,
    alias: str,
    *,
    step: str,
    provider: Provider,
    jobs: JobStore,
    artifacts: ArtifactStore | None = None,
    chunks: ChunkStore | None = None,
    count: Callable[[Job, Call], None] = lambda _job, _call: None,
    clock: Callable[[], int] = now_ms,
    rest: Callable[[float], None] = rest,
) -> dict[str, Any]:
    """Makes one attempt with one model and returns ``{"usage", "cost"}``, the figures the job's event carries.

    The text of a job that asks for it goes to ``chunks`` as it comes; None is this process's own store. ``count`` is
    told of the call when it has ended, once, before the ledger is.
    When another run of the step got the job its result first, its figures are returned. Raises the provider's error
    after settling the ledger with it, ``JobSettled`` when the job is over, and, before anything is paid,
    ``DeadlinePassed``, ``ModelUnpriced``, ``ReservationExhausted`` when the job could come to cost more than was
    reserved for it, or ``StoreUnavailable`` when another run is at work on the job. A call that the job's deadline cuts
    is settled as one that timed out, and raises ``DeadlinePassed``.
    """
    work = jobs.load_work(job_id)
    if (done := _done(work.job)) is not None:
        return done
    if clock() >= epoch_ms(work.job.deadline_at):
        raise DeadlinePassed
    request = request_from_state(work.request)
    model = free_model(alias, request) if work.job.replay_mode is ReplayMode.RECORDED else find_model(alias)
    call = Call(
        number=next_number(work.calls),
        step=step,
        model=alias,
        status=CallStatus.STARTED,
        started_at=timestamp(clock()),
        upper_bound_usd=upper_bound_usd(model, request),
    )
    if call.upper_bound_usd and to_nanousd(total_cost([*work.calls, call]).usd) > work.job.reservation.nanousd:
        raise ReservationExhausted
    cost = _cost([*work.calls, call])
    if not jobs.start_call(work.job, call, cost=cost):
        if (done := _done(jobs.load_work(job_id).job)) is not None:
            return done
        raise StoreUnavailable("another run of this step is at work on the job")
    job = replace(work.job, cost=cost)
    text = _passed_on(job, call, chunks)
    try:
        answer = provider.generate(model, request, on_text=text, within_seconds=_seconds_left(job, at_ms=clock()))
    except PromptmillError as error:
        failed = _failed(call, model, error, at=timestamp(clock()))
        _settle(jobs, job, work.calls, failed, count=count, rest=rest)
        left_seconds = max(0, epoch_ms(job.deadline_at) - clock()) / 1000
        if isinstance(error, ProviderTimeout) and not left_seconds:
            raise DeadlinePassed from error
        # Step Functions retries on its own schedule, so a provider's wish to be left alone is kept here.
        rest(min(retry_after_seconds(error) or 0, MAX_REST_SECONDS, left_seconds))
        raise
    if text is not None:
        text.finish()
    paid = replace(
        call,
        status=CallStatus.SUCCEEDED,
        cost_usd=_cost_of(call, model, answer.usage),
        estimated=answer.usage.estimated,
        finished_at=timestamp(clock()),
        provider_request_id=answer.provider_request_id,
    )
    try:
        result = _result(job, request, answer, artifacts)
    except PromptmillError as error:
        failed = replace(paid, status=CallStatus.FAILED, error=type(error).__name__)
        _settle(jobs, job, work.calls, failed, count=count, rest=rest)
        raise
    usage = _usage(alias, request, answer, fallback=alias != work.models[0])
    recorded = replace(paid, answer=record(answer, result))
    job = _settle(jobs, job, work.calls, recorded, count=count, rest=rest, result=result, usage=usage)
    return _done(job) or {"usage": usage, "cost": job.cost}


def _passed_on(job: Job, call: Call, chunks: ChunkStore | None) -> ChunkWriter | None:
    """What passes the text of this call on, when the job asks for that."""
    if not job.input.get("stream"):
        return None
    from promptmill.jobs.streaming.store import chunk_writing_store
    from promptmill.jobs.streaming.writer import ChunkWriter

    return ChunkWriter(chunks or chunk_writing_store(), job, call.number)


def _seconds_left(job: Job, *, at_ms: int) -> float:
    """Until the job's deadline; ``DeadlinePassed`` when there are none."""
    left_ms = epoch_ms(job.deadline_at) - at_ms
    if left_ms <= 0:
        raise DeadlinePassed
    return left_ms / 1000


def _done(job: Job) -> dict[str, Any] | None:
    """The figures of the run that got the job its result; None without a result, ``JobSettled`` when it is over."""
    if job.status is not JobStatus.RUNNING:
        raise JobSettled
    return None if job.result is None else {"usage": job.usage, "cost": job.cost}


def _settle(
    jobs: JobStore,
    job: Job,
    others: Sequence[Call],
    call: Call,
    *,
    count: Callable[[Job, Call], None],
    rest: Callable[[float], None],
    result: dict[str, Any] | None = None,
    usage: dict[str, Any] | None = None,
) -> Job:
    """Settles the ledger with this call, and the job with a result unless it is over or has one. The job as it then is.

    What was paid must be counted, and not be paid again because a write failed: a job that another run changed
    meanwhile, or whose store did not answer, is read again, with its ledger. Raises ``StoreUnavailable``.
    """
    count(job, call)
    for attempt in range(1, _SETTLE_ATTEMPTS + 1):
        cost = _cost([*others, call])
        try:
            if jobs.finish_call(job, call, cost=cost, result=result, usage=usage):
                return replace(job, cost=cost)
            work = jobs.load_work(job.id)
        except StoreUnavailable:
            # The write may have landed: then the next one meets another cost, and the ledger is read.
            rest(_SETTLE_PAUSE_SECONDS * attempt)
            continue
        job, others = work.job, [other for other in work.calls if other.number != call.number]
        if any(row.number == call.number and row.status is not CallStatus.STARTED for row in work.calls):
            # The write had landed, and only its answer was lost: nobody else writes this row.
            return job
        if job.status is not JobStatus.RUNNING or job.result is not None:
            result = usage = None
        if job.result is not None:
            call = replace(call, answer=None)
    raise StoreUnavailable("the ledger could not be settled")


def _cost_of(call: Call, model: Model, usage: Usage) -> Decimal:
    """What was used costs; what is only estimated, no more than the call can have cost."""
    cost = cost_usd(model, usage)
    return min(cost, call.upper_bound_usd) if usage.estimated else cost


def _failed(call: Call, model: Model, error: PromptmillError, *, at: str) -> Call:
    """The row of a call that failed. What a timeout or a cut answer cost is unknown, so its upper bound stands."""
    billed = billed_usage(error)
    if billed is not None and not billed.estimated:
        cost, estimated = cost_usd(model, billed), False
    elif billed is not None or error.code in _MAY_BE_BILLED:
        cost, estimated = call.upper_bound_usd, call.upper_bound_usd > 0
    else:
        cost, estimated = Decimal(0), False
    return replace(
        call, status=CallStatus.FAILED, cost_usd=cost, estimated=estimated, finished_at=at, error=type(error).__name__
    )


def _cost(calls: Sequence[Call]) -> dict[str, Any]:
    cost = total_cost(calls)
    return {"model_usd": format_usd(cost.usd), "estimated": cost.estimated}


def _usage(alias: str, request: ProviderRequest, answer: Answer, *, fallback: bool) -> dict[str, Any]:
    if isinstance(request, TextRequest):
        return {
            "model": alias,
            "input_tokens": answer.usage.input_tokens,
            "output_tokens": answer.usage.output_tokens,
            "truncated": answer.truncated,
            "fallback": fallback,
            "prompt_version": request.prompt_version,
        }
    return {"model": alias, "images": len(answer.images), "truncated": False, "fallback": fallback}


def _result(job: Job, request: ProviderRequest, answer: Answer, artifacts: ArtifactStore | None) -> dict[str, Any]:
    """What the job keeps of an answer. Images are in S3 when this returns."""
    if isinstance(request, TextRequest):
        from promptmill.prompting.meta_prompt import parse_enhancement

        try:
            return {"text": parse_enhancement(answer.text or ""), "type": request.task_type.value}
        except ValueError as error:
            raise ProviderAnswerBroken from error
    if artifacts is None:
        raise TypeError("an image step needs an artifact store")
    return {"images": [_kept(job, request, answer, index, artifacts) for index in range(len(answer.images))]}


def _kept(job: Job, request: ImageRequest, answer: Answer, index: int, artifacts: ArtifactStore) -> dict[str, Any]:
    image = answer.images[index]
    digest = hashlib.sha256(image.content).hexdigest()
    # Named after its content: the run before may have left another picture, and what is said of one must hold for it.
    image_id = derived_id("img", job.id, f"image/{index}/{digest}")
    key = artifact_key(job.owner, job.id, f"{image_id}.{_EXTENSIONS[image.content_type]}")
    artifacts.put_once(key, image.content, image.content_type)
    return {
        "id": image_id,
        "key": key,
        "width": image.width,
        "height": image.height,
        "seed": request.seed,
        "content_type": image.content_type,
        "bytes": len(image.content),
        "sha256": digest,
    }
