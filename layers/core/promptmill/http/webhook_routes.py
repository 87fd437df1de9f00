"""The admins' routes of webhooks: make, list, read, change, rotate, delete."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from promptmill.clock import is_id, new_id, now_ms, timestamp
from promptmill.errors import SubjectNotFound, WebhookNotFound
from promptmill.events.webhooks.endpoints.store import new_secret
from promptmill.events.webhooks.model import Secret, Webhook, WebhookStatus, changed, rotated
from promptmill.events.webhooks.url import check_url
from promptmill.events.webhooks.view import webhook_view
from promptmill.gateway import Action
from promptmill.http.admin_requests import invalid_field
from promptmill.http.body import reads_body
from promptmill.http.documents import ADMIN_BODY_PROBLEMS, ADMIN_PROBLEMS, CHANGED, CREATED_WEBHOOK, responses
from promptmill.http.page_request import page_request
from promptmill.http.resolver import base_url, caller, no_store_response, note_in_log
from promptmill.http.webhook_requests import ChangeWebhook, CreateWebhook, RotateWebhook
from promptmill.identity.users.store import is_there
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.events.webhooks.endpoints.store import EndpointStore

TAGS = ["Webhooks"]
NO_WEBHOOK = {404: "There is no such webhook."}
_LABEL = "cursor of GET /v1/webhooks, version 1"
_AT_ONCE = {409: "The webhook was changed at the same moment."}


def add_webhook_routes(app: APIGatewayRestResolver, endpoints: Callable[[], EndpointStore]) -> None:
    @app.post(
        "/v1/webhooks",
        summary="Make a webhook",
        description="Has events posted to a URL, signed as Standard Webhooks says. The secret is in this answer and is "
        "shown nowhere else. An owner, or everybody, has 20 webhooks at most. Admins only.",
        tags=TAGS,
        operation_id="createWebhook",
        responses=responses(
            "new_webhook",
            *(HTTPStatus.CREATED, 400, 413, 415, 503),
            problems={
                **ADMIN_BODY_PROBLEMS,
                409: "There are 20 webhooks for these events, or another one was made at the same moment.",
            },
            headers=CREATED_WEBHOOK,
        ),
    )
    @reads_body(app, CreateWebhook)
    def create_webhook(body: Annotated[CreateWebhook, Body()]) -> Response[Any]:
        _check_url(body.url)
        at_ms = now_ms()
        webhook = Webhook(
            id=new_id("whk", at_ms),
            url=body.url,
            events=frozenset(body.events),
            owner=body.owner,
            secrets=(Secret(new_secret()),),
            status=WebhookStatus.ENABLED,
            created_at=timestamp(at_ms),
        )
        try:
            endpoints().add(webhook, *([_owner_is_there(body.owner)] if body.owner else []))
        except SubjectNotFound:
            raise invalid_field("/owner", "must be the id of a user who has signed in") from None
        note_in_log(webhook_id=webhook.id, admin=caller(app).owner)
        location = f"{base_url(app.current_event.raw_event)}/v1/webhooks/{webhook.id}"
        return no_store_response(_with_secret(webhook, at_ms=at_ms), HTTPStatus.CREATED, location)

    @app.get(
        "/v1/webhooks",
        summary="List webhooks",
        description="The webhooks of all owners, newest first. A new one is found, and one that was deleted is not any "
        "more, about a second later. Admins only.",
        tags=TAGS,
        operation_id="listWebhooks",
        responses=responses("webhooks", HTTPStatus.OK, 400, 503, problems=ADMIN_PROBLEMS),
    )
    def list_webhooks() -> Response[Any]:
        asked = page_request(app, _LABEL)
        page, at_ms = endpoints().page(limit=asked.limit, after=asked.after), now_ms()
        return no_store_response(asked.answer([_document(each, at_ms=at_ms) for each in page.entries], page.position))

    @app.get(
        "/v1/webhooks/<webhook_id>",
        summary="Read a webhook",
        description="The webhook without its secrets. Admins only.",
        tags=TAGS,
        operation_id="readWebhook",
        responses=responses("webhook", HTTPStatus.OK, 503, problems={**ADMIN_PROBLEMS, **NO_WEBHOOK}),
    )
    def read_webhook(webhook_id: str) -> Response[Any]:
        return no_store_response(_document(endpoints().get(known_webhook_id(webhook_id)), at_ms=now_ms()))

    @app.patch(
        "/v1/webhooks/<webhook_id>",
        summary="Change a webhook",
        description="Another URL, other events, or whether anything is sent. It holds for attempts that begin "
        "afterwards, of events that wait too. Admins only.",
        tags=TAGS,
        operation_id="changeWebhook",
        responses=responses(
            "webhook",
            *(HTTPStatus.OK, 400, 413, 415, 503),
            problems={**ADMIN_BODY_PROBLEMS, **NO_WEBHOOK, **_AT_ONCE},
            headers=CHANGED,
        ),
    )
    @reads_body(app, ChangeWebhook)
    def change_webhook(webhook_id: str, body: Annotated[ChangeWebhook, Body()]) -> Response[Any]:
        note_in_log(webhook_id=known_webhook_id(webhook_id), admin=caller(app).owner)
        if body.url is not None:
            _check_url(body.url)
        at_ms = now_ms()
        before = endpoints().get(webhook_id)
        after = changed(before, url=body.url, events=frozenset(body.events or ()), status=body.status, at_ms=at_ms)
        endpoints().change(before, after)
        return no_store_response(_document(after, at_ms=at_ms))

    @app.post(
        "/v1/webhooks/<webhook_id>/rotate",
        summary="Rotate a webhook's secret",
        description="Gives the webhook a new secret, which is in this answer and is shown nowhere else. For "
        "`overlap_seconds`, the one until now signs what is sent too; one before it ends at once. Admins only.",
        tags=TAGS,
        operation_id="rotateWebhook",
        responses=responses(
            "new_webhook",
            *(HTTPStatus.OK, 400, 413, 415, 503),
            problems={**ADMIN_BODY_PROBLEMS, **NO_WEBHOOK, **_AT_ONCE},
            headers=CHANGED,
        ),
    )
    @reads_body(app, RotateWebhook, may_be_absent=True)
    def rotate_webhook(webhook_id: str, body: Annotated[RotateWebhook, Body()]) -> Response[Any]:
        note_in_log(webhook_id=known_webhook_id(webhook_id), admin=caller(app).owner)
        at_ms = now_ms()
        before = endpoints().get(webhook_id)
        after = rotated(before, secret=new_secret(), overlap_seconds=body.overlap_seconds, at_ms=at_ms)
        endpoints().rotate(before, after)
        return no_store_response(_with_secret(after, at_ms=at_ms))

    @app.delete(
        "/v1/webhooks/<webhook_id>",
        summary="Delete a webhook",
        description="Nothing is sent to it any more, and neither it nor its deliveries can be read. Admins only.",
        tags=TAGS,
        operation_id="deleteWebhook",
        responses=responses(
            "nothing",
            *(HTTPStatus.NO_CONTENT, 503),
            problems={**ADMIN_PROBLEMS, **NO_WEBHOOK, **_AT_ONCE},
            headers=CHANGED,
        ),
    )
    def delete_webhook(webhook_id: str) -> Response[Any]:
        note_in_log(webhook_id=known_webhook_id(webhook_id), admin=caller(app).owner)
        endpoints().delete(webhook_id)
        return Response(HTTPStatus.NO_CONTENT.value, body="")


def known_webhook_id(webhook_id: str) -> str:
    """The id in a path; raises ``WebhookNotFound`` for what cannot be one."""
    if not is_id("whk", webhook_id):
        raise WebhookNotFound
    return webhook_id


def _document(webhook: Webhook, *, at_ms: int) -> dict[str, Any]:
    """A webhook as its admins see it: everything but what it is signed with."""
    until = webhook.secrets[1].valid_until if len(webhook.secrets) > 1 else None
    overlapping = until if until and timestamp(at_ms) < until else None
    return {"object": "webhook", **webhook_view(webhook), "previous_secret_expires_at": overlapping}


def _with_secret(webhook: Webhook, *, at_ms: int) -> dict[str, Any]:
    return {**_document(webhook, at_ms=at_ms), "secret": webhook.secrets[0].value}


def _check_url(url: str) -> None:
    try:
        check_url(url, loopback_allowed=settings().webhook_loopback_ca is not None)
    except ValueError as error:
        raise invalid_field("/url", str(error)) from None


def _owner_is_there(owner: str) -> Action:
    (library_table,) = settings().require("library_table")
    return Action({"ConditionCheck": {"TableName": library_table, **is_there(owner)}}, SubjectNotFound())
