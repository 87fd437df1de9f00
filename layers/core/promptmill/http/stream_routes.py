"""GET /v1/jobs/{job_id}/events: what a job does, as Server-Sent Events, one part of them per answer.

Python on Lambda cannot answer bit by bit, so an answer waits for the next events, gives them and ends; an EventSource
then comes back with the id of the last one it got.
"""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from promptmill.clock import now_ms
from promptmill.errors import InvalidHeader, StoreUnavailable
from promptmill.http.artifact_links import stored_artifacts
from promptmill.http.documents import EVENT_STREAM, responses
from promptmill.http.job_answer import job_document, within_invocation_ms
from promptmill.http.resolver import caller, known_job_id, note_job, request_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.artifacts.store import ArtifactStore
    from promptmill.jobs.streaming.events import News, Place
    from promptmill.jobs.streaming.store import ChunkStore

    Wait = Callable[[Callable[[], News], int], News | None]

WAIT_MS = 20_000


def add_stream_routes(
    app: APIGatewayRestResolver, chunks: ChunkStore | None, artifacts: ArtifactStore | None, wait: Wait | None
) -> None:
    """Adds the route to a resolver; None is this process's own store, or waiting in real time."""

    @app.get(
        "/v1/jobs/<job_id>/events",
        summary="Follow a job",
        description="Server-Sent Events for an `EventSource`. `status`: the job's status, as it changes. `chunk`: a "
        "piece of the text, for a job posted with `stream: true`; a chunk of a higher `call` begins the text anew. "
        "Chunks are what the model writes; the result is that text tidied. `done`: the whole job, the last event. "
        "An answer waits for the next events, up to 20 seconds, and ends; come back after `retry` milliseconds with "
        "`Last-Event-ID` for what follows, as an `EventSource` does. 204 once there is nothing more.",
        tags=["Jobs"],
        operation_id="followJob",
        responses=responses("events", HTTPStatus.OK, HTTPStatus.NO_CONTENT, 400, 404, 503),
    )
    def follow_job(job_id: str) -> Response[Any]:
        from promptmill.jobs.streaming.events import answer_text, news_of

        known_job_id(job_id)
        after = _last_place(request_header(app, "last-event-id"))
        sees = caller(app).sees
        store = chunks or _default_chunks()

        def look() -> News:
            job, new = store.look(job_id, sees, after=after)
            note_job(job)
            return news_of(
                job,
                new,
                after,
                document=lambda: job_document(
                    app, job, artifacts=lambda: artifacts or stored_artifacts(), at_ms=now_ms()
                ),
            )

        news = _next_news(look, wait or _wait, within_invocation_ms(app, WAIT_MS))
        if news.is_over:
            return Response(HTTPStatus.NO_CONTENT.value, body="", headers={"Cache-Control": "no-store"})
        headers: dict[str, str | list[str]] = {"Cache-Control": "no-cache, no-store"}
        return Response(HTTPStatus.OK.value, EVENT_STREAM, answer_text(news, after), headers)


def _last_place(event_id: str) -> Place | None:
    """The place the Last-Event-ID header names; raises ``InvalidHeader`` when it is no id of ours."""
    from promptmill.jobs.streaming.events import place_of

    try:
        return place_of(event_id) if event_id else None
    except ValueError:
        raise InvalidHeader("Last-Event-ID must be the id of an event of this stream.") from None


def _next_news(look: Callable[[], News], wait: Wait, budget_ms: int) -> News:
    """The next news, or what was last seen when the time is over; ``StoreUnavailable`` when nothing was."""
    seen: list[News] = []

    def keep_looking() -> News:
        seen[:] = [look()]
        return seen[0]

    # An EventSource gives up at a 503, so one that a moment would mend is waited out.
    with suppress(StoreUnavailable):
        if keep_looking():
            return seen[0]
    wait(keep_looking, budget_ms)
    if not seen:
        raise StoreUnavailable
    return seen[0]


def _wait(look: Callable[[], News], budget_ms: int) -> News | None:
    from promptmill.jobs.waiting import wait_until

    return wait_until(look, bool, budget_ms)


def _default_chunks() -> ChunkStore:
    from promptmill.gateway import EDGE_ATTEMPTS
    from promptmill.jobs.streaming.store import chunk_store

    return chunk_store(attempts=EDGE_ATTEMPTS)
