"""DELETE /v1/me."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from promptmill.clock import now_ms
from promptmill.events.user_events import deletion_name, user_deleted_event
from promptmill.http.documents import responses
from promptmill.http.resolver import caller, declared, make_resolver, no_store_response, note_in_log, request_id
from promptmill.http.trace import trace_of

if TYPE_CHECKING:
    from promptmill.jobs.erasure.gateway import DeletionWorkflow


@cache
def deletion_api(workflow: DeletionWorkflow | None = None) -> APIGatewayRestResolver:
    """The resolver of the deleting route; None is this process's own workflow."""
    app = make_resolver()

    @app.delete(
        "/v1/me",
        summary="Delete oneself",
        description="Everything of the caller is deleted: jobs, images, API keys, the sign-in. It takes some minutes "
        "and cannot be undone; `user.deleted` is sent at its end. Asking again answers the same, until, within a "
        "minute, the caller's tokens are refused.",
        tags=["Users"],
        operation_id="deleteMe",
        responses=responses("deletion", HTTPStatus.ACCEPTED, 503),
    )
    def delete_me() -> Response[Any]:
        from promptmill.jobs.erasure.gateway import deletion_workflow

        user_id, at_ms = caller(app).owner, now_ms()
        event = app.current_event
        trace = trace_of(event.headers, request_id(event.raw_event))
        deleted = user_deleted_event(
            user_id, at_ms=at_ms, correlation_id=trace.correlation_id, traceparent=trace.traceparent
        )
        (workflow or deletion_workflow()).start(deletion_name(user_id, at_ms=at_ms), user_id, deleted)
        note_in_log(user_id=user_id)
        document = {"object": "deletion", "status": "running", "user": user_id}
        return no_store_response(document, HTTPStatus.ACCEPTED)

    return declared(app)
