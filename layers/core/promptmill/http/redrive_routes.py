"""POST /v1/jobs/{job_id}/redrive: an operator has an execution go on from the step it ended in."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from promptmill.clock import now_ms
from promptmill.http.documents import responses
from promptmill.http.resolver import declared, known_job_id, make_resolver, no_store_response, note_in_log, note_job

if TYPE_CHECKING:
    from promptmill.jobs.execution.gateway import Executions
    from promptmill.jobs.store import JobStore


@cache
def redrive_api(jobs: JobStore | None = None, executions: Executions | None = None) -> APIGatewayRestResolver:
    """The resolver of the redriving route; None is this process's own part."""
    app = make_resolver()

    @app.post(
        "/v1/jobs/<job_id>/redrive",
        summary="Redrive a job's execution",
        description="Goes on with an execution that failed, timed out or was stopped before its job's outcome was "
        "out, from the step it ended in, within 14 days. Steps that succeeded are neither run nor paid again; "
        "`saved_usd` is what their calls cost. A job that is over and announced is replayed instead.",
        tags=["Jobs"],
        operation_id="redriveJob",
        responses=responses(
            "redrive",
            *(HTTPStatus.ACCEPTED, 404, 503),
            problems={409: "The execution cannot go on, for the reason in `detail`."},
        ),
    )
    def redrive(job_id: str) -> Response[Any]:
        from promptmill.jobs.execution.redrive import redrive_job
        from promptmill.providers.cost import format_usd

        note_in_log(job_id=known_job_id(job_id))
        done = redrive_job(job_id, jobs=jobs or _jobs(), executions=executions or _executions(), at_ms=now_ms())
        note_job(done.job)
        note_in_log(redriven_from=done.redriven_from)
        document = {
            "object": "redrive",
            "job_id": job_id,
            "redriven_from": done.redriven_from,
            "saved_usd": format_usd(done.saved_usd),
        }
        return no_store_response(document, HTTPStatus.ACCEPTED)

    return declared(app)


def _jobs() -> JobStore:
    from promptmill.gateway import EDGE_ATTEMPTS
    from promptmill.jobs.store import job_store

    return job_store(attempts=EDGE_ATTEMPTS)


def _executions() -> Executions:
    from promptmill.jobs.execution.reading import job_executions

    return job_executions()
