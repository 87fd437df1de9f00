"""GET /v1/jobs/{job_id}/execution."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from promptmill.http.documents import responses
from promptmill.http.resolver import caller, json_response, known_job_id, note_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.jobs.execution.reading import ExecutionReader
    from promptmill.jobs.store import JobStore


def add_execution_route(
    app: APIGatewayRestResolver, jobs: Callable[[], JobStore], executions: ExecutionReader | None = None
) -> None:
    """Adds the route; None is this process's own reader."""

    @app.get(
        "/v1/jobs/<job_id>/execution",
        summary="Read a job's execution",
        description="The steps in the order they were entered, with the attempts of each, the waits between them, the "
        "names of their errors, milliseconds and cost. A step that was entered twice, for another model or after a "
        "redrive, stands twice. `CheckRate` that fails its condition is no fault: `CheckBurst` decides then. `status` "
        "is null, and `steps` empty, while the execution has not started and once its history is gone, 90 days after "
        "its end. `console_url` is for operators, and null for others.",
        tags=["Jobs"],
        operation_id="readExecution",
        responses=responses("execution", HTTPStatus.OK, 404, 503),
    )
    def read_execution(job_id: str) -> Response[Any]:
        from promptmill.jobs.execution.reading import execution_reader

        who = caller(app)
        job = jobs().get(known_job_id(job_id), who.sees)
        note_job(job)
        document = (executions or execution_reader()).read(job, in_full=who.is_operator)
        return json_response(HTTPStatus.OK, document, {"Cache-Control": "private, no-cache"})
