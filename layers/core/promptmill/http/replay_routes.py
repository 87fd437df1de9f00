"""POST /v1/jobs/{job_id}/replay: a new job from the stored input of another."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from promptmill.errors import Forbidden
from promptmill.http.body import reads_body
from promptmill.http.documents import SUBMITTED, responses
from promptmill.http.replay_requests import replay_request
from promptmill.http.resolver import caller, known_job_id, note_in_log
from promptmill.identity.access import Scope
from promptmill.jobs.intake import Replay
from promptmill.jobs.requests import ReplayJob

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.jobs.requests import EnhanceJob, ImageJob
    from promptmill.jobs.store import JobStore


class Accept(Protocol):
    """Takes in a request as POST /v1/jobs does, and answers for it."""

    def __call__(self, request: EnhanceJob | ImageJob, replay: Replay | None = None) -> Response[Any]: ...


def add_replay_route(app: APIGatewayRestResolver, jobs: Callable[[], JobStore], accept: Accept) -> None:
    @app.post(
        "/v1/jobs/<job_id>/replay",
        summary="Replay a job",
        description="A new job from the stored input of one of the caller's own, whatever became of that one, with "
        "what the body changes; `replay_of` links it. All else is as for a submitted job. In mode `recorded` no model "
        "is asked: text or images, and usage, are those of the job that is replayed, and the cost is 0. An operator "
        "may replay anybody's job; the new one is its owner's too, and counts against the operator's limits.",
        tags=["Jobs"],
        operation_id="replayJob",
        responses=responses(
            "job",
            *(HTTPStatus.OK, 202, 400, 404, 413, 415, 422, 429, 503),
            problems={
                409: "Mode `recorded`, and no model ever answered the job that is to be replayed; or the same request, "
                "under the same Idempotency-Key, is being accepted right now (`retryable`)."
            },
            headers=SUBMITTED,
        ),
    )
    @reads_body(app, ReplayJob, may_be_absent=True)
    def replay_job(job_id: str, body: Annotated[ReplayJob, Body()]) -> Response[Any]:
        who = caller(app)
        if who.key is not None and Scope.READ not in who.scopes:
            # The answer has the input of the job that is replayed, and may have its result.
            raise Forbidden
        source = jobs().load_source(known_job_id(job_id), who.sees)
        note_in_log(replay_of=job_id, mode=body.mode.value)
        return accept(replay_request(source, body), Replay(of=job_id, mode=body.mode, owner=source.job.owner))
