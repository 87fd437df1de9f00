"""GET /v1/jobs/{job_id}, /v1/health, /v1/models, /v1/openapi.json, and the reading routes with a module of their own.

Imports neither pydantic nor the workflow.
"""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from promptmill.http.artifact_links import stored_artifacts
from promptmill.http.diff_routes import add_diff_route
from promptmill.http.documents import READ, responses
from promptmill.http.execution_routes import add_execution_route
from promptmill.http.job_answer import job_answer, job_later
from promptmill.http.list_routes import add_list_routes
from promptmill.http.prefer import wait_seconds
from promptmill.http.resolver import (
    caller,
    declared,
    json_response,
    known_job_id,
    make_resolver,
    note_job,
    request_header,
)
from promptmill.http.stream_routes import add_stream_routes
from promptmill.jobs.waiting import wait_for_end
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.artifacts.store import ArtifactStore
    from promptmill.http.stream_routes import Wait
    from promptmill.jobs.execution.reading import ExecutionReader
    from promptmill.jobs.listing.store import JobListing
    from promptmill.jobs.model import Job
    from promptmill.jobs.store import JobStore
    from promptmill.jobs.streaming.store import ChunkStore


@cache
def read_api(
    jobs: JobStore | None = None,
    artifacts: ArtifactStore | None = None,
    wait: Callable[[Callable[[], Job], int], Job | None] = wait_for_end,
    listing: JobListing | None = None,
    executions: ExecutionReader | None = None,
    chunks: ChunkStore | None = None,
    wait_for_news: Wait | None = None,
) -> APIGatewayRestResolver:
    """The resolver of the reading routes; None is this process's own store."""
    app = make_resolver()
    add_list_routes(app, listing=listing, artifacts=artifacts)
    add_execution_route(app, lambda: jobs or _default_jobs(), executions)
    add_stream_routes(app, chunks, artifacts, wait_for_news)

    @app.get(
        "/v1/jobs/<job_id>",
        summary="Read a job",
        description="The job in its current state, or, with `Prefer: wait=N`, its state after at most N seconds. "
        "Links in an image result end after 15 minutes; read again for new ones.",
        tags=["Jobs"],
        operation_id="readJob",
        responses=responses("job", HTTPStatus.OK, 304, 400, 404, 503, headers=READ),
    )
    def read_job(job_id: str) -> Response[Any]:
        seconds = wait_seconds(request_header(app, "prefer"))
        sees = caller(app).sees
        store = jobs or _default_jobs()
        job = store.get(known_job_id(job_id), sees)
        note_job(job)
        headers = {}
        if seconds:
            headers["Preference-Applied"] = f"wait={seconds}"
            job = job_later(app, job, lambda: store.get(job_id, sees), wait, seconds * 1000)
        return job_answer(app, job, HTTPStatus.OK, artifacts=lambda: artifacts or stored_artifacts(), headers=headers)

    @app.get(
        "/v1/health",
        summary="Is the API up",
        tags=["Service"],
        operation_id="health",
        responses=responses("health", HTTPStatus.OK),
    )
    def health() -> Response[Any]:
        return json_response(HTTPStatus.OK, {"status": "ok", "stage": settings().stage})

    @app.get(
        "/v1/models",
        summary="The model catalog",
        description="Aliases, kinds, prices and limits.",
        tags=["Service"],
        operation_id="listModels",
        responses=responses("models", HTTPStatus.OK),
    )
    def list_models() -> Response[Any]:
        from promptmill.providers.catalog import public_catalog

        return json_response(HTTPStatus.OK, public_catalog(), {"Cache-Control": "public, max-age=300"})

    @app.get(
        "/v1/openapi.json",
        summary="This document",
        tags=["Service"],
        operation_id="openApi",
        responses=responses("openapi", HTTPStatus.OK),
    )
    def openapi() -> Response[Any]:
        text = Path(__file__).with_name("openapi.json").read_text(encoding="utf-8")
        return Response(HTTPStatus.OK.value, "application/json", text, {"Cache-Control": "public, max-age=300"})

    add_diff_route(app, lambda: jobs or _default_jobs())
    return declared(app)


def _default_jobs() -> JobStore:
    from promptmill.gateway import EDGE_ATTEMPTS
    from promptmill.jobs.store import job_store

    return job_store(attempts=EDGE_ATTEMPTS)
