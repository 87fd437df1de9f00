"""Deliveries that are due and no message asks for: they had to wait longer than one can, or it was lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptmill.errors import QueueUnavailable, StoreUnavailable
from promptmill.parallel import in_parallel
from promptmill.step_log import log_given_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.events.webhooks.deliveries.gateway import DeliveryQueue
    from promptmill.events.webhooks.deliveries.store import DeliveryStore, Overdue

PAGE_SIZE = 100


@dataclass(frozen=True, slots=True)
class Released:
    """How many attempts were asked for, and whether not all that were due could be."""

    count: int
    cut_short: bool = False


def release(deliveries: DeliveryStore, queue: DeliveryQueue, *, at_ms: int, has_time: Callable[[], bool]) -> Released:
    """Asks for the attempts that are due, the longest overdue first, while there is time; what it came to.

    Two at a time ask for each once. One that cannot be asked for, because the table or the queue does not answer, keeps
    no other from it, and is found again some minutes later. Raises ``StoreUnavailable`` when what is due is not known.
    """
    failed: list[Overdue] = []

    def ask(overdue: Overdue) -> bool | None:
        """Whether it asked; None when there was no time to."""
        if not has_time():
            return None
        try:
            if not deliveries.look_later(overdue, at_ms=at_ms):
                return False
            queue.send(overdue.webhook_id, overdue.delivery_id)
        except (StoreUnavailable, QueueUnavailable) as error:
            log_given_up(
                "ReleaseDelivery",
                error,
                webhook_id=overdue.webhook_id,
                event_id=overdue.delivery_id,
                # The index by which it was found does not know the request.
                correlation_id=None,
            )
            failed.append(overdue)
            return False
        return True

    count = 0
    for page in deliveries.overdue(at_ms=at_ms, page_size=PAGE_SIZE):
        asked = in_parallel(ask, page)
        count += asked.count(True)
        if None in asked:
            return Released(count, cut_short=True)
    return Released(count, cut_short=bool(failed))
