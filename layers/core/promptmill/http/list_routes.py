"""GET /v1/jobs: the caller's jobs, newest first; for operators, also another owner's."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from promptmill.clock import now_ms
from promptmill.errors import Forbidden
from promptmill.http.artifact_links import stored_artifacts
from promptmill.http.documents import responses
from promptmill.http.job_answer import job_document
from promptmill.http.resolver import caller, json_response, query_parameters
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.artifacts.store import ArtifactStore
    from promptmill.jobs.listing.store import JobListing
    from promptmill.jobs.model import Job
    from promptmill.paging import Page

# A Lambda's answer has 6 MB: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_PAGE_BYTES = 5_000_000
DESCRIPTION = (
    "The caller's jobs, newest first. `next_cursor` is the `cursor` of the next page of the same list, and null on the "
    "last one. A page may hold fewer than `limit` jobs, even none, while `has_more` is true: with `status` or `kind`, "
    "one page looks at no more than 250 jobs, whatever it finds, and none is larger than 5 MB. Jobs made after the "
    "first page was read are on none behind it. A new job, or a new status, is found about a second after it was "
    "written. An operator may list another `owner`'s jobs."
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

        asked = list_request(query_parameters(app))
        (salt,) = settings().require("owner_salt")
        who = caller(app)
        if asked.owner is not None and not who.is_operator:
            raise Forbidden("Only an operator may ask for another owner's jobs.")
        owner = asked.owner or who.owner
        bound: dict[str, Any] = {"owner": owner, "job_filter": asked.job_filter, "key": cursor_key(salt)}
        after = None if asked.cursor is None else position_of(asked.cursor, **bound)
        page = (listing or _default_listing()).page(owner, asked.job_filter, limit=asked.limit, after=after)
        at_ms = now_ms()
        shown, position = shown_jobs(
            page,
            lambda job: job_document(app, job, artifacts=lambda: artifacts or stored_artifacts(), at_ms=at_ms),
        )
        body = {
            "object": "list",
            "data": shown,
            "has_more": position is not None,
            "next_cursor": None if position is None else make_cursor(position, **bound),
        }
        return json_response(HTTPStatus.OK, body, {"Cache-Control": "private, no-cache"})


def shown_jobs(
    page: Page[Job], document: Callable[[Job], dict[str, Any]], *, max_bytes: int = MAX_PAGE_BYTES
) -> tuple[list[dict[str, Any]], str | None]:
    """The documents of a page's jobs, as many as one answer has room for, and where the next page goes on."""
    shown: list[dict[str, Any]] = []
    room_bytes = max_bytes
    for job in page.entries:
        entry = document(job)
        # As the runtime sends it: the body, which is JSON, as a string within JSON, which older ones write in ASCII.
        room_bytes -= len(json.dumps(json.dumps(entry, ensure_ascii=False)))
        if shown and room_bytes < 0:
            return shown, str(shown[-1]["id"])
        shown.append(entry)
    return shown, page.position


def _default_listing() -> JobListing:
    from promptmill.jobs.listing.store import job_listing

    return job_listing()
