"""What admins may do about webhooks: the webhooks themselves, and what they are sent."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from promptmill.events.webhooks.deliveries.gateway import delivery_queue
from promptmill.events.webhooks.deliveries.store import delivery_store
from promptmill.events.webhooks.endpoints.store import endpoint_store
from promptmill.gateway import EDGE_ATTEMPTS
from promptmill.http.delivery_routes import add_delivery_routes
from promptmill.http.resolver import declared, make_resolver
from promptmill.http.webhook_routes import add_webhook_routes

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import APIGatewayRestResolver

    from promptmill.events.webhooks.deliveries.gateway import DeliveryQueue
    from promptmill.events.webhooks.deliveries.store import DeliveryStore
    from promptmill.events.webhooks.endpoints.store import EndpointStore


@cache
def webhook_api(
    endpoints: EndpointStore | None = None,
    deliveries: DeliveryStore | None = None,
    queue: DeliveryQueue | None = None,
) -> APIGatewayRestResolver:
    """The resolver of the routes of webhooks; None is this process's own store, or queue."""
    app = make_resolver()

    def own_endpoints() -> EndpointStore:
        return endpoints or endpoint_store()

    add_webhook_routes(app, own_endpoints)
    add_delivery_routes(
        app,
        own_endpoints,
        lambda: deliveries or delivery_store(attempts=EDGE_ATTEMPTS),
        lambda: queue or delivery_queue(attempts=EDGE_ATTEMPTS),
    )
    return declared(app)
