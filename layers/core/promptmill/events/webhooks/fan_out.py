"""An event goes to every webhook that is to be sent it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptmill.events.webhooks.payload import delivery_of
from promptmill.parallel import in_parallel

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

        How many are new: an event that comes again is stored for nobody twice while its delivery is kept. What was
        stored and not asked for is released later. Raises ``StoreUnavailable`` and ``QueueUnavailable``.
        """
        subscribers = self.endpoints.subscribers(event.owner)
        meant = sorted(webhook_id for webhook_id, names in subscribers.items() if event.name in names)

        def add(webhook_id: str) -> bool:
            if not self.deliveries.add(delivery_of(event, webhook_id, at_ms=at_ms), at_ms=at_ms):
                return False
            self.queue.send(webhook_id, event.id)
            return True

        return sum(in_parallel(add, meant))
