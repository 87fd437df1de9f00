"""The admins' routes of the limits that hold for one user or API key in place of the plan's."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from promptmill.clock import is_id
from promptmill.errors import SubjectNotFound
from promptmill.http.admin_requests import USER_ID, SetLimits
from promptmill.http.body import reads_body
from promptmill.http.documents import ADMIN_BODY_PROBLEMS, ADMIN_PROBLEMS, responses
from promptmill.http.resolver import caller, json_response, note_in_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.identity.overrides.store import OverrideStore

_PATH = "/v1/limits/<subject>"
_TAGS = ["Administration"]
_NOBODY = {404: "There is no such user or API key."}
_PROBLEMS = {**ADMIN_PROBLEMS, **_NOBODY}


def add_subject_limits_routes(app: APIGatewayRestResolver, overrides: Callable[[], OverrideStore]) -> None:
    @app.get(
        _PATH,
        summary="Read a subject's own limits",
        description="The limits that were set for a user or an API key; null where the plan's holds. Admins only.",
        tags=_TAGS,
        operation_id="readSubjectLimits",
        responses=responses("subject_limits", HTTPStatus.OK, 503, problems=_PROBLEMS),
    )
    def read_subject_limits(subject: str) -> Response[Any]:
        stored = overrides().get(_known_subject(subject))
        return _answer(subject, json.loads(stored) if stored else {})

    @app.put(
        _PATH,
        summary="Set a subject's own limits",
        description="Limits that hold for a user or an API key in place of the plan's. They replace those set before "
        "and hold within a minute. Admins only.",
        tags=_TAGS,
        operation_id="setSubjectLimits",
        responses=responses(
            "subject_limits",
            *(HTTPStatus.OK, 400, 413, 415, 503),
            problems={**ADMIN_BODY_PROBLEMS, **_NOBODY},
        ),
    )
    @reads_body(app, SetLimits)
    def set_subject_limits(subject: str, body: Annotated[SetLimits, Body()]) -> Response[Any]:
        note_in_log(subject=_known_subject(subject), admin=caller(app).owner)
        overrides().put(subject, body.model_dump_json(exclude_none=True))
        return _answer(subject, body.model_dump())

    @app.delete(
        _PATH,
        summary="Return a subject to its plan",
        description="The limits of the plan hold again, within a minute. Admins only.",
        tags=_TAGS,
        operation_id="removeSubjectLimits",
        responses=responses("nothing", HTTPStatus.NO_CONTENT, 503, problems=_PROBLEMS),
    )
    def remove_subject_limits(subject: str) -> Response[Any]:
        note_in_log(subject=_known_subject(subject), admin=caller(app).owner)
        overrides().remove(subject)
        return Response(HTTPStatus.NO_CONTENT.value, body="")


def _known_subject(subject: str) -> str:
    """The id in a path; raises ``SubjectNotFound`` for what cannot be one."""
    if not is_id("key", subject) and not re.fullmatch(USER_ID, subject):
        raise SubjectNotFound
    return subject


def _answer(subject: str, limits: dict[str, Any]) -> Response[str]:
    none = dict.fromkeys(SetLimits.model_fields)
    body = {"object": "subject_limits", "subject": subject, **none, **limits}
    return json_response(HTTPStatus.OK, body, {"Cache-Control": "private, no-cache"})
