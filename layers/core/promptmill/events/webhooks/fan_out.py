"""An event goes to every webhook that is to be sent it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptmill.events.webhooks.deliveries.gateway import Message
from promptmill.events.webhooks.payload import delivery_of

if TYPE_CHECKING:
    from promptmill.events.webhooks.deliveries.gateway import DeliveryQueue
    from promptmill.events.webhooks.deliveries.store import DeliveryStore
    from promptmill.events.webhooks.endpoints.store import EndpointStore
    from promptmill.events.webhooks.payload import Event


@dataclass(frozen=True, slots=True)
class FanOut:
    """The outside parts an event is spread with."""

    endpoints: EndpointStore
    deliveries: DeliveryStore
    queue: DeliveryQueue

    def spread(self, event: Event, *, at_ms: int) -> int:
        """Stores a delivery for each webhook of the event's owner, and of everybody, that it is for, and asks for it.

        How many are new: an event that comes again is stored for nobody twice. What was stored and not asked for is
        released later. Raises ``StoreUnavailable`` and ``QueueUnavailable``.
        """
        webhooks = [
            webhook_id for webhook_id, names in self.endpoints.subscribers(event.owner).items() if event.name in names
        ]
        new = [
            Message(webhook_id, event.id)
            for webhook_id in sorted(webhooks)
            if self.deliveries.add(delivery_of(event, webhook_id, at_ms=at_ms), at_ms=at_ms)
        ]
        self.queue.send_all(new)
        return len(new)
