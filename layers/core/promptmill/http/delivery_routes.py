"""The admins' routes of what webhooks are sent: test one, list, read, send again."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from promptmill.clock import is_id, new_id, now_ms
from promptmill.errors import DeliveryNotFound, InvalidParameter, WebhookDisabled
from promptmill.events.webhooks.model import DeliveryStatus, WebhookStatus
from promptmill.events.webhooks.payload import delivery_of_test
from promptmill.events.webhooks.view import attempt_view, delivery_view
from promptmill.http.documents import ADMIN_PROBLEMS, CHANGED, TESTED, responses
from promptmill.http.page_request import page_request
from promptmill.http.resolver import base_url, caller, no_store_response, note_in_log, request_id
from promptmill.http.webhook_routes import NO_WEBHOOK, TAGS, known_webhook_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.events.webhooks.deliveries.gateway import DeliveryQueue
    from promptmill.events.webhooks.deliveries.store import DeliveryStore
    from promptmill.events.webhooks.endpoints.store import EndpointStore
    from promptmill.events.webhooks.model import Delivery

_LABEL = "cursor of GET /v1/webhooks/{webhook_id}/deliveries, version 1"
STATUS_LENGTH = 16
_NO_DELIVERY = {404: "There is no such webhook, or nothing of that id was sent to it in the last 30 days."}
_IS_DISABLED = "The webhook is disabled."


def add_delivery_routes(
    app: APIGatewayRestResolver,
    endpoints: Callable[[], EndpointStore],
    deliveries: Callable[[], DeliveryStore],
    queue: Callable[[], DeliveryQueue],
) -> None:
    def enabled_webhook_id(webhook_id: str) -> str:
        if endpoints().get(known_webhook_id(webhook_id)).status is not WebhookStatus.ENABLED:
            raise WebhookDisabled
        return webhook_id

    @app.post(
        "/v1/webhooks/<webhook_id>/test",
        summary="Test a webhook",
        description="Sends the event `webhook.test` to the webhook, once. Its `Location` says what became of it. "
        "Admins only.",
        tags=TAGS,
        operation_id="testWebhook",
        responses=responses(
            "delivery",
            *(HTTPStatus.ACCEPTED, 503),
            problems={**ADMIN_PROBLEMS, **NO_WEBHOOK, 409: _IS_DISABLED},
            headers=TESTED,
        ),
    )
    def test_webhook(webhook_id: str) -> Response[Any]:
        note_in_log(webhook_id=known_webhook_id(webhook_id), admin=caller(app).owner)
        at_ms, event = now_ms(), app.current_event.raw_event
        delivery = delivery_of_test(
            enabled_webhook_id(webhook_id), new_id("evt", at_ms), at_ms=at_ms, correlation_id=request_id(event)
        )
        deliveries().add(delivery, at_ms=at_ms)
        queue().send(webhook_id, delivery.id)
        note_in_log(event_id=delivery.id, correlation_id=delivery.correlation_id)
        location = f"{base_url(event)}/v1/webhooks/{webhook_id}/deliveries/{delivery.id}"
        return no_store_response(_document(delivery), HTTPStatus.ACCEPTED, location)

    @app.get(
        "/v1/webhooks/<webhook_id>/deliveries",
        summary="List what a webhook was sent",
        description="The deliveries of the last 30 days, newest first. A page may hold fewer than `limit`, even none, "
        "while `has_more` is true: with `status`, one page looks at no more than 100. A new one is found about a "
        "second after it was made. Admins only.",
        tags=TAGS,
        operation_id="listDeliveries",
        responses=responses("deliveries", HTTPStatus.OK, 400, 503, problems={**ADMIN_PROBLEMS, **NO_WEBHOOK}),
    )
    def list_deliveries(webhook_id: str) -> Response[Any]:
        asked = page_request(app, _LABEL, of=[known_webhook_id(webhook_id)], filters={"status": STATUS_LENGTH})
        status = _status_of(asked.sent.get("status"))
        endpoints().get(webhook_id)
        page = deliveries().page(webhook_id, limit=asked.limit, status=status, after=asked.after, at_ms=now_ms())
        return no_store_response(asked.answer([_document(each) for each in page.entries], page.position))

    @app.get(
        "/v1/webhooks/<webhook_id>/deliveries/<delivery_id>",
        summary="Read what became of a delivery",
        description="The delivery with its attempts. Admins only.",
        tags=TAGS,
        operation_id="readDelivery",
        responses=responses("delivery_log", HTTPStatus.OK, 503, problems={**ADMIN_PROBLEMS, **_NO_DELIVERY}),
    )
    def read_delivery(webhook_id: str, delivery_id: str) -> Response[Any]:
        endpoints().get(known_webhook_id(webhook_id))
        delivery = deliveries().get(webhook_id, _known_delivery_id(delivery_id), at_ms=now_ms())
        return no_store_response({**_document(delivery), "attempts": list(map(attempt_view, delivery.attempts))})

    @app.post(
        "/v1/webhooks/<webhook_id>/deliveries/<delivery_id>/redeliver",
        summary="Deliver again",
        description="Sends the same body with the same `webhook-id` again, at once and then by the whole schedule, "
        "whatever became of it before. While the webhook hangs, it waits for its turn, up to fifteen minutes at a "
        "time. Admins only.",
        tags=TAGS,
        operation_id="redeliverEvent",
        responses=responses(
            "delivery",
            *(HTTPStatus.ACCEPTED, 503),
            problems={
                **ADMIN_PROBLEMS,
                **_NO_DELIVERY,
                409: f"{_IS_DISABLED} Or an attempt is under way, and it can be delivered again after it.",
            },
            headers=CHANGED,
        ),
    )
    def redeliver_event(webhook_id: str, delivery_id: str) -> Response[Any]:
        note_in_log(webhook_id=known_webhook_id(webhook_id), admin=caller(app).owner)
        enabled_webhook_id(webhook_id)
        delivery = deliveries().restart(webhook_id, _known_delivery_id(delivery_id), at_ms=now_ms())
        note_in_log(event_id=delivery_id, correlation_id=delivery.correlation_id)
        queue().send(webhook_id, delivery_id)
        return no_store_response(_document(delivery), HTTPStatus.ACCEPTED)


def _document(delivery: Delivery) -> dict[str, Any]:
    """A delivery as admins see it in a list: without what was sent, which is its event's owner's."""
    return {
        "object": "webhook_delivery",
        **delivery_view(delivery),
        "webhook_id": delivery.webhook_id,
        "last_attempt": attempt_view(delivery.attempts[-1]) if delivery.attempts else None,
    }


def _status_of(text: str | None) -> DeliveryStatus | None:
    if text is None:
        return None
    if text not in set(DeliveryStatus):
        raise InvalidParameter(f"status must be one of: {', '.join(DeliveryStatus)}.")
    return DeliveryStatus(text)


def _known_delivery_id(delivery_id: str) -> str:
    """The id in a path; raises ``DeliveryNotFound`` for what cannot be one."""
    if not is_id("evt", delivery_id):
        raise DeliveryNotFound
    return delivery_id
