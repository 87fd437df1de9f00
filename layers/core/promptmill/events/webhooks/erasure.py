"""Erases the webhooks of a user who leaves, with what was delivered to them, in calls with a pause between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptmill.clock import epoch_ms
from promptmill.errors import WebhookNotFound
from promptmill.events.webhooks.model import DisabledReason

if TYPE_CHECKING:
    from promptmill.events.webhooks.deliveries.store import DeliveryStore
    from promptmill.events.webhooks.endpoints.store import EndpointStore

QUIET_MS = 90_000
"""How long after a webhook's ``disabled_at`` an event may still be spread to it.

Who disables writes it up to a minute after the time that is written. Who spreads an event then has half a minute left.
"""


@dataclass(frozen=True, slots=True)
class WebhookEraser:
    """The outside parts webhooks are erased with."""

    endpoints: EndpointStore
    deliveries: DeliveryStore

    def erase(self, owner: str, at_ms: int) -> bool:
        """Does the next part of it; False when the owner had no webhook left.

        The first call has nothing sent any more. Once all webhooks have been disabled for ``QUIET_MS``, later ones
        delete the deliveries, a page of each webhook at a time, and then the webhooks, through which the deliveries are
        found. Raises ``StoreUnavailable``.
        """
        webhooks = self.endpoints.subscriptions(owner)
        quiet = [self._is_quiet(webhook_id, at_ms=at_ms) for webhook_id in webhooks]
        # Without a webhook there may still be the count of them, which is none.
        if all(quiet):
            left = [webhook_id for webhook_id in webhooks if self.deliveries.forget_page(webhook_id)]
            if not left:
                self.endpoints.forget_all(owner)
        return bool(webhooks)

    def _is_quiet(self, webhook_id: str, *, at_ms: int) -> bool:
        """Whether no event is being spread to it any more. One that is enabled is disabled."""
        try:
            webhook = self.endpoints.get(webhook_id)
        except WebhookNotFound:
            return False
        if webhook.disabled_at is None:
            # Where somebody else changes it right now, it is found enabled once more.
            self.endpoints.disable(webhook, DisabledReason.ASKED, at_ms=at_ms)
            return False
        return at_ms - epoch_ms(webhook.disabled_at) >= QUIET_MS
