"""POST /v1/jobs/{job_id}/cancel."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from promptmill.clock import now_ms
from promptmill.errors import JobStateBroken
from promptmill.http.documents import CANCELED, responses
from promptmill.http.job_answer import job_answer
from promptmill.http.resolver import caller, declared, known_job_id, make_resolver, note_in_log, note_job

if TYPE_CHECKING:
    from promptmill.artifacts.store import ArtifactStore
    from promptmill.jobs.settling.settlement import Settlement


@cache
def default_settlement() -> Settlement:
    """The settlement of this process, from its settings."""
    from promptmill.events.publish import event_bus
    from promptmill.gateway import EDGE_ATTEMPTS
    from promptmill.jobs.gateway import generation_workflow
    from promptmill.jobs.settling.settlement import Settlement
    from promptmill.jobs.settling.store import settling_store
    from promptmill.limits.spending.store import spending_store

    return Settlement(
        settling_store(attempts=EDGE_ATTEMPTS),
        generation_workflow(),
        event_bus(),
        spending_store(attempts=EDGE_ATTEMPTS),
    )


@cache
def cancel_api(settlement: Settlement | None = None) -> APIGatewayRestResolver:
    """The resolver of the canceling route; None is this process's own settlement."""
    app = make_resolver()

    @app.post(
        "/v1/jobs/<job_id>/cancel",
        summary="Cancel a job",
        description="The job is canceled at once and for good; its execution is stopped and `job.canceled` sent. "
        "Canceling it again answers the same; 409 when it has ended otherwise. What was paid stays in its cost.",
        tags=["Jobs"],
        operation_id="cancelJob",
        responses=responses(
            "job", HTTPStatus.ACCEPTED, 404, 503, problems={409: "The job has ended otherwise."}, headers=CANCELED
        ),
    )
    def cancel_job(job_id: str) -> Response[Any]:
        note_in_log(job_id=known_job_id(job_id))
        canceled = (settlement or default_settlement()).cancel(job_id, caller(app).sees, at_ms=now_ms())
        note_job(canceled.job)
        if not canceled.concluded:
            note_in_log(left_to="sweeper")
        return job_answer(app, canceled.job, HTTPStatus.ACCEPTED, artifacts=_no_artifacts)

    return declared(app)


def _no_artifacts() -> ArtifactStore:
    """A canceled job has no result."""
    raise JobStateBroken
