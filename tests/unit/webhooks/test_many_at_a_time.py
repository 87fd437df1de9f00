"""Where there are many webhooks, or many deliveries are due, they are not asked for one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier

from promptmill.events.webhooks.deliveries.store import Overdue
from promptmill.events.webhooks.fan_out import FanOut
from promptmill.events.webhooks.release import PAGE_SIZE, Released, release
from promptmill.parallel import WORKERS
from tests.support.builders import AT_MS
from tests.support.deliveries import an_event
from tests.support.webhooks import added
from tests.unit.jobs.settling import always
from tests.unit.webhooks.fakes import MemoryDeliveries, MemoryEndpoints, MemoryQueue

SECONDS = 5


class WaitingQueue(MemoryQueue):
    """Takes messages only so many at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._together = Barrier(WORKERS, timeout=SECONDS)

    def send(self, webhook_id: str, delivery_id: str, *, delay_seconds: int = 0) -> None:
        self._together.wait()
        super().send(webhook_id, delivery_id, delay_seconds=delay_seconds)


class DueDeliveries(MemoryDeliveries):
    """So many are due, and stay so."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._due = [Overdue("whk_1", f"evt_{number}", "") for number in range(count)]

    def overdue(self, *, at_ms: int, page_size: int) -> Iterator[list[Overdue]]:
        for start in range(0, len(self._due), page_size):
            yield self._due[start : start + page_size]

    def look_later(self, overdue: Overdue, *, at_ms: int) -> bool:
        return True


def test_an_event_is_stored_and_asked_for_at_many_webhooks_together() -> None:
    endpoints, deliveries, queue, event = MemoryEndpoints(), MemoryDeliveries(), WaitingQueue(), an_event()
    meant = {added(endpoints).id for _ in range(WORKERS)}
    assert FanOut(endpoints, deliveries, queue).spread(event, at_ms=AT_MS) == WORKERS
    assert {(webhook_id, delivery_id) for webhook_id, delivery_id, _ in queue.asked} == {
        (one, event.id) for one in meant
    }


def test_many_deliveries_are_released_together() -> None:
    queue = WaitingQueue()
    assert release(DueDeliveries(WORKERS), queue, at_ms=AT_MS, has_time=always) == Released(WORKERS)
    assert {delivery_id for _, delivery_id, _ in queue.asked} == {f"evt_{number}" for number in range(WORKERS)}


def test_a_release_whose_time_runs_out_asks_no_more_and_says_so() -> None:
    queue, calls = MemoryQueue(), iter(range(PAGE_SIZE * 3))
    due = DueDeliveries(PAGE_SIZE * 2)
    released = release(due, queue, at_ms=AT_MS, has_time=lambda: next(calls) < PAGE_SIZE + 7)
    assert (released, len(queue.asked)) == (Released(PAGE_SIZE + 7, cut_short=True), PAGE_SIZE + 7)


def test_a_release_that_had_time_for_the_last_one_was_not_cut_short() -> None:
    calls = iter(range(PAGE_SIZE + 1))
    released = release(DueDeliveries(PAGE_SIZE), MemoryQueue(), at_ms=AT_MS, has_time=lambda: next(calls) < PAGE_SIZE)
    assert released == Released(PAGE_SIZE)
