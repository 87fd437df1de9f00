"""GET /v1/jobs/{job_id}/diff: what differs between two jobs."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from promptmill.clock import is_id
from promptmill.errors import InvalidParameter
from promptmill.http.documents import responses
from promptmill.http.resolver import caller, json_response, known_job_id, note_in_log, note_job, query_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptmill.jobs.store import JobStore


def add_diff_route(app: APIGatewayRestResolver, jobs: Callable[[], JobStore]) -> None:
    @app.get(
        "/v1/jobs/<job_id>/diff",
        summary="Compare two jobs",
        description="What differs from this job to the one that `with` names: their inputs, results, usage and cost. "
        "Both are the caller's own; an operator's may be anybody's.",
        tags=["Jobs"],
        operation_id="diffJobs",
        responses=responses(
            "job_diff",
            HTTPStatus.OK,
            404,
            503,
            problems={400: "`with` is missing, given twice, not the id of a job, or not the only parameter."},
        ),
    )
    def diff_jobs(job_id: str) -> Response[Any]:
        from promptmill.jobs.replay.diff import job_diff

        other_id = compared_with(query_parameters(app))
        known_job_id(job_id)
        sees = caller(app).sees
        one, other = (jobs().get(each, sees) for each in (job_id, other_id))
        note_job(one)
        note_in_log(compared_with=other.id)
        return json_response(HTTPStatus.OK, job_diff(one, other), {"Cache-Control": "private, no-cache"})


def compared_with(parameters: Mapping[str, list[str]]) -> str:
    """The job id of ``with``; raises ``InvalidParameter`` unless there is exactly one, and nothing else."""
    values = parameters.get("with", [])
    if len(values) != 1 or not is_id("job", values[0]):
        raise InvalidParameter("with must be the id of one job.")
    if len(parameters) > 1:
        raise InvalidParameter("The only parameter is with.")
    return values[0]
