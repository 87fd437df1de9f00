"""A job as an HTTP answer, the same from every route."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from promptmill.clock import now_ms, timestamp
from promptmill.http.entity_tag import entity_tag, matches
from promptmill.http.resolver import base_url, json_response, request_header
from promptmill.jobs.reading import public_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.artifacts.store import ArtifactStore
    from promptmill.jobs.model import Job

RETRY_AFTER_SECONDS = 1
# What an answer needs after a wait: the way back, and the last read at its slowest.
ANSWER_MS = 2_500


def job_answer(
    app: APIGatewayRestResolver,
    job: Job,
    status: HTTPStatus,
    *,
    artifacts: Callable[[], ArtifactStore],
    headers: dict[str, str] | None = None,
) -> Response[Any]:
    """The job with its entity tag, and ``Retry-After`` until it is over; 304 when the caller has this answer."""
    at_ms = now_ms()
    document = job_document(app, job, artifacts=artifacts, at_ms=at_ms)
    tag = entity_tag(document, at_seconds=at_ms // 1000)
    sent = {"ETag": tag, "Cache-Control": "private, no-cache", **(headers or {})}
    if not job.status.is_terminal:
        sent["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if app.current_event.http_method == "GET" and matches(request_header(app, "if-none-match"), tag):
        return Response(HTTPStatus.NOT_MODIFIED.value, body="", headers={**sent})
    return json_response(status, document, sent)


def job_later(
    app: APIGatewayRestResolver,
    job: Job,
    read: Callable[[], Job],
    wait: Callable[[Callable[[], Job], int], Job | None],
    budget_ms: int,
) -> Job:
    """The job at its end, or as last read when the budget, or this invocation's own time, is over."""
    seen = job

    def look() -> Job:
        nonlocal seen
        seen = read()
        return seen

    if not job.status.is_terminal:
        wait(look, within_invocation_ms(app, budget_ms))
    return seen


def within_invocation_ms(app: APIGatewayRestResolver, budget_ms: int) -> int:
    """As much of a budget as this invocation has time for; outside Lambda, all of it."""
    remaining = getattr(app.lambda_context, "get_remaining_time_in_millis", None)
    return min(budget_ms, max(0, remaining() - ANSWER_MS)) if remaining else budget_ms


def job_document(
    app: APIGatewayRestResolver, job: Job, *, artifacts: Callable[[], ArtifactStore], at_ms: int
) -> dict[str, Any]:
    from promptmill.artifacts.store import LINK_SECONDS

    return public_job(
        job,
        base_url=base_url(app.current_event.raw_event),
        link=lambda key: artifacts().link(key),
        link_expires_at=timestamp(at_ms + LINK_SECONDS * 1000),
    )


def accepted_headers(app: APIGatewayRestResolver, job: Job) -> dict[str, str]:
    return {"Location": f"{base_url(app.current_event.raw_event)}/v1/jobs/{job.id}"}
