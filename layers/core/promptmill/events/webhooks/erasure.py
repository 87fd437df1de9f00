"""Erases the webhooks of a user who leaves, with what was delivered to them, in calls with a pause between."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptmill.errors import WebhookNotFound
from promptmill.events.webhooks.model import DisabledReason

if TYPE_CHECKING:
    from promptmill.events.webhooks.deliveries.store import DeliveryStore
    from promptmill.events.webhooks.endpoints.store import EndpointStore


@dataclass(frozen=True, slots=True)
class WebhookEraser:
    """The outside parts webhooks are erased with."""

    endpoints: EndpointStore
    deliveries: DeliveryStore

    def erase(self, owner: str, at_ms: int) -> bool:
        """Does the next part of it; False when the owner had no webhook left.

        The first call has nothing sent any more. Later ones delete the deliveries, a page of each webhook at a time,
        and then the webhooks, through which the deliveries are found. An event that is being spread during the first
        call leaves a delivery, so the second call has to come later than that takes. Raises ``StoreUnavailable``.
        """
        webhooks = self.endpoints.subscriptions(owner)
        enabled = [webhook_id for webhook_id, names in webhooks.items() if names]
        for webhook_id in enabled:
            # Where somebody else changes it right now, it is found enabled once more.
            with suppress(WebhookNotFound):
                self.endpoints.disable(self.endpoints.get(webhook_id), DisabledReason.ASKED, at_ms=at_ms)
        if webhooks and not enabled:
            left = [webhook_id for webhook_id in webhooks if self.deliveries.forget_page(webhook_id)]
            if not left:
                self.endpoints.forget_all(owner)
        return bool(webhooks)
