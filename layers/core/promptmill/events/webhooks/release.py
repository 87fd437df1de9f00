"""Deliveries that are due and no message asks for: they had to wait longer than one can, or it was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptmill.events.webhooks.deliveries.gateway import BATCH_SIZE, Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.events.webhooks.deliveries.gateway import DeliveryQueue
    from promptmill.events.webhooks.deliveries.store import DeliveryStore

PAGE_SIZE = 5 * BATCH_SIZE


def release(deliveries: DeliveryStore, queue: DeliveryQueue, *, at_ms: int, has_time: Callable[[], bool]) -> int:
    """Asks for the attempts that are due, the longest overdue first, while there is time; for how many it did.

    Two at a time ask for each once. Raises ``StoreUnavailable`` and ``QueueUnavailable``; what was not asked for is
    found again some minutes later.
    """
    released = 0
    for page in deliveries.overdue(at_ms=at_ms, page_size=PAGE_SIZE):
        if not has_time():
            break
        messages = [Message(one.webhook_id, one.delivery_id) for one in page if deliveries.look_later(one, at_ms=at_ms)]
        queue.send_all(messages)
        released += len(messages)
    return released
