"""GET /v1/jobs: the caller's jobs, newest first."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from promptmill.clock import now_ms
from promptmill.http.artifact_links import stored_artifacts
from promptmill.http.documents import responses
from promptmill.http.job_answer import job_document
from promptmill.http.resolver import caller, json_response
from promptmill.settings import settings

if TYPE_CHECKING:
    from promptmill.artifacts.store import ArtifactStore
    from promptmill.jobs.listing.store import JobListing

DESCRIPTION = (
    "The caller's jobs, newest first. `next_cursor` is the `cursor` of the next page of the same list, and null on the "
    "last one. A page may hold fewer than `limit` jobs, even none, while `has_more` is true: with `status` or `kind`, "
    "one page looks at no more than 250 jobs, whatever it finds. Jobs made after the first page was read are on none "
    "behind it. A new job, or a new status, is found about a second after it was written."
)


def add_list_routes(
    app: APIGatewayRestResolver, *, listing: JobListing | None = None, artifacts: ArtifactStore | None = None
) -> None:
    """Adds the route to a resolver; None is this process's own store."""

    @app.get(
        "/v1/jobs",
        summary="List jobs",
        description=DESCRIPTION,
        tags=["Jobs"],
        operation_id="listJobs",
        responses=responses("jobs", HTTPStatus.OK, 400, 503),
    )
    def list_jobs() -> Response[Any]:
        from promptmill.jobs.listing.cursor import cursor_key, make_cursor, position_of
        from promptmill.jobs.listing.query import list_request

        asked = list_request(_parameters(app))
        (salt,) = settings().require("owner_salt")
        owner = caller(app).owner
        bound: dict[str, Any] = {"owner": owner, "job_filter": asked.job_filter, "key": cursor_key(salt)}
        after = None if asked.cursor is None else position_of(asked.cursor, **bound)
        page = (listing or _default_listing()).page(owner, asked.job_filter, limit=asked.limit, after=after)
        at_ms = now_ms()
        body = {
            "object": "list",
            "data": [
                job_document(app, job, artifacts=lambda: artifacts or stored_artifacts(), at_ms=at_ms)
                for job in page.jobs
            ],
            "has_more": page.position is not None,
            "next_cursor": None if page.position is None else make_cursor(page.position, **bound),
        }
        return json_response(HTTPStatus.OK, body, {"Cache-Control": "private, no-cache"})


def _parameters(app: APIGatewayRestResolver) -> dict[str, list[str]]:
    """The query string's parameters, each with all its values."""
    event = app.current_event
    return event.multi_value_query_string_parameters or {
        name: [value] for name, value in event.query_string_parameters.items()
    }


def _default_listing() -> JobListing:
    from promptmill.jobs.listing.store import job_listing

    return job_listing()
