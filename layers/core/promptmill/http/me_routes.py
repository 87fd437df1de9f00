"""GET and PATCH /v1/me: the user who is signed in."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from promptmill.http.body import reads_body
from promptmill.http.documents import responses
from promptmill.http.one_line import IN_SCHEMA, OF_ONE_LINE
from promptmill.http.resolver import caller, declared, json_response, make_resolver
from promptmill.identity.access import Role

if TYPE_CHECKING:
    from promptmill.identity.caller import Caller
    from promptmill.identity.users.model import User
    from promptmill.identity.users.store import UserStore


DisplayName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), OF_ONE_LINE, IN_SCHEMA
]


class UserChange(BaseModel):
    """What a user may change of themselves."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    display_name: Annotated[DisplayName | None, Field(description="What to call the user; null for nothing.")]


_REFUSALS = {401: "Nobody is signed in, or the user has left.", 403: "An API key is not a person."}


@cache
def me_api(users: UserStore | None = None) -> APIGatewayRestResolver:
    """The resolver of the user's own routes; None is this process's own store."""
    app = make_resolver()

    @app.get(
        "/v1/me",
        summary="Read who is signed in",
        description="The user, with the roles of the token that was sent. A user is there from the first sign-in on.",
        tags=["Users"],
        operation_id="readMe",
        responses=responses("user", HTTPStatus.OK, 503, problems=_REFUSALS),
    )
    def read_me() -> Response[Any]:
        person = caller(app)
        return _user_answer((users or _default_users()).get(person.owner), person)

    @app.patch(
        "/v1/me",
        summary="Change who is signed in",
        tags=["Users"],
        operation_id="changeMe",
        responses=responses("user", HTTPStatus.OK, 400, 413, 415, 422, 503, problems=_REFUSALS),
    )
    @reads_body(app, UserChange)
    def change_me(body: Annotated[UserChange, Body()]) -> Response[Any]:
        person = caller(app)
        return _user_answer((users or _default_users()).rename(person.owner, body.display_name), person)

    return declared(app)


def _user_answer(user: User, person: Caller) -> Response[str]:
    body = {
        "id": user.id,
        "object": "user",
        "email": user.email,
        "display_name": user.display_name,
        "roles": [role for role in Role if role in person.roles],
        "plan": person.plan,
        "created_at": user.created_at,
        "seen_at": user.seen_at,
    }
    return json_response(HTTPStatus.OK, body, {"Cache-Control": "private, no-cache"})


def _default_users() -> UserStore:
    from promptmill.identity.users.store import user_store

    return user_store()
