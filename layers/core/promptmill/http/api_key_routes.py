"""The admins' routes of API keys: make, list, read, rotate, revoke."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from promptmill.clock import is_id, now_ms
from promptmill.errors import ApiKeyNotFound, SubjectNotFound
from promptmill.http.admin_requests import CreateApiKey, RotateApiKey, invalid_field, new_key
from promptmill.http.body import reads_body
from promptmill.http.documents import ADMIN_BODY_PROBLEMS, ADMIN_PROBLEMS, CHANGED, CREATED_KEY, responses
from promptmill.http.page_request import page_request
from promptmill.http.resolver import base_url, caller, no_store_response, note_in_log
from promptmill.identity.api_keys.model import rotated
from promptmill.identity.api_keys.store import new_secret
from promptmill.identity.api_keys.view import key_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.identity.api_keys.store import ApiKeyStore

_TAGS = ["Administration"]
_LABEL = "cursor of GET /v1/keys, version 1"
_NO_KEY = {404: "There is no such API key."}


def add_api_key_routes(app: APIGatewayRestResolver, keys: Callable[[], ApiKeyStore]) -> None:
    @app.post(
        "/v1/keys",
        summary="Make an API key",
        description="A key for a server. The secret is in this answer and nowhere else. Admins only.",
        tags=_TAGS,
        operation_id="createApiKey",
        responses=responses(
            "new_api_key",
            *(HTTPStatus.CREATED, 400, 413, 415, 503),
            problems=ADMIN_BODY_PROBLEMS,
            headers=CREATED_KEY,
        ),
    )
    @reads_body(app, CreateApiKey)
    def create_api_key(body: Annotated[CreateApiKey, Body()]) -> Response[Any]:
        at_ms, secret = now_ms(), new_secret()
        key = new_key(body, owner=body.owner or caller(app).owner, secret=secret, at_ms=at_ms)
        try:
            keys().add(key)
        except SubjectNotFound:
            raise invalid_field("/owner", "must be the id of a user who has signed in") from None
        note_in_log(key_id=key.id, admin=caller(app).owner)
        location = f"{base_url(app.current_event.raw_event)}/v1/keys/{key.id}"
        return no_store_response({**key_view(key, at_ms=at_ms), "secret": secret}, HTTPStatus.CREATED, location)

    @app.get(
        "/v1/keys",
        summary="List API keys",
        description="The keys of all owners, newest first, until 90 days after they ended. A new key, or a new state, "
        "is found about a second after it was written. Admins only.",
        tags=_TAGS,
        operation_id="listApiKeys",
        responses=responses("api_keys", HTTPStatus.OK, 400, 503, problems=ADMIN_PROBLEMS),
    )
    def list_api_keys() -> Response[Any]:
        asked = page_request(app, _LABEL)
        page, at_ms = keys().page(limit=asked.limit, after=asked.after), now_ms()
        return no_store_response(asked.answer([key_view(key, at_ms=at_ms) for key in page.entries], page.position))

    @app.get(
        "/v1/keys/<key_id>",
        summary="Read an API key",
        description="The key without its secret, in whatever state, until 90 days after it ended. Admins only.",
        tags=_TAGS,
        operation_id="readApiKey",
        responses=responses("api_key", HTTPStatus.OK, 503, problems={**ADMIN_PROBLEMS, **_NO_KEY}),
    )
    def read_api_key(key_id: str) -> Response[Any]:
        return no_store_response(key_view(keys().get(_known_key_id(key_id)), at_ms=now_ms()))

    @app.post(
        "/v1/keys/<key_id>/rotate",
        summary="Rotate an API key",
        description="Gives the key a new secret, which is in this answer and nowhere else. The one until now stays "
        "valid for `overlap_seconds`, one before it ends at once. When the key expires stays as it is. Admins only.",
        tags=_TAGS,
        operation_id="rotateApiKey",
        responses=responses(
            "new_api_key",
            *(HTTPStatus.OK, 400, 413, 415, 503),
            problems={
                **ADMIN_BODY_PROBLEMS,
                **_NO_KEY,
                409: "The key was revoked or has expired, or was changed at the same moment.",
            },
            headers=CHANGED,
        ),
    )
    @reads_body(app, RotateApiKey, may_be_absent=True)
    def rotate_api_key(key_id: str, body: Annotated[RotateApiKey, Body()]) -> Response[Any]:
        note_in_log(key_id=_known_key_id(key_id), admin=caller(app).owner)
        at_ms, secret = now_ms(), new_secret()
        before = keys().get(key_id)
        after = rotated(before, secret=secret, overlap_seconds=body.overlap_seconds, at_ms=at_ms)
        keys().rotate(before, after)
        return no_store_response({**key_view(after, at_ms=at_ms), "secret": secret})

    @app.delete(
        "/v1/keys/<key_id>",
        summary="Revoke an API key",
        description="Ends the key with all its secrets, for good; a secret in use is refused within a minute. "
        "Revoking it again answers the same. Admins only.",
        tags=_TAGS,
        operation_id="revokeApiKey",
        responses=responses(
            "nothing",
            *(HTTPStatus.NO_CONTENT, 503),
            problems={**ADMIN_PROBLEMS, **_NO_KEY, 409: "The key was changed at the same moment."},
            headers=CHANGED,
        ),
    )
    def revoke_api_key(key_id: str) -> Response[Any]:
        note_in_log(key_id=_known_key_id(key_id), admin=caller(app).owner)
        keys().revoke(key_id, at_ms=now_ms())
        return Response(HTTPStatus.NO_CONTENT.value, body="")


def _known_key_id(key_id: str) -> str:
    """The id in a path; raises ``ApiKeyNotFound`` for what cannot be one."""
    if not is_id("key", key_id):
        raise ApiKeyNotFound
    return key_id
