"""What the store of deliveries promises: one of many has an attempt, and what nobody is at is found again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from promptmill import errors
from promptmill.clock import timestamp
from promptmill.events.webhooks.deliveries.records import KEEP_SECONDS
from promptmill.events.webhooks.deliveries.store import (
    EXAMINED,
    KEPT_ATTEMPTS,
    LEASE_MS,
    LOOK_AGAIN_MS,
    DeliveryStore,
    Overdue,
)
from promptmill.events.webhooks.model import Attempt, Delivery, DeliveryStatus
from promptmill.events.webhooks.schedule import HOUR_MS, MINUTE_MS
from tests.integration.tables import make_table
from tests.support.builders import AT_MS
from tests.support.deliveries import a_delivery, a_webhook_id

FAILED = Attempt(at=timestamp(AT_MS), duration_ms=12, status_code=503, error="answered_5xx")
RECEIVED = Attempt(at=timestamp(AT_MS), duration_ms=9, status_code=204)
SILENT = Attempt(at=timestamp(AT_MS), duration_ms=15_000, error="timed_out")
PENDING, DELIVERED, GIVEN_UP = DeliveryStatus.PENDING, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED


@pytest.fixture
def store(dynamodb: Any) -> Any:
    table = make_table(dynamodb, "WebhooksTable", name="webhooks-of-one-test")
    yield DeliveryStore(table, dynamodb)
    dynamodb.delete_table(TableName=table)


def has(store: DeliveryStore, delivery: Delivery | None = None, **fields: Any) -> Delivery:
    delivery = delivery or a_delivery(**fields)
    assert store.add(delivery, at_ms=AT_MS)
    return delivery


def claimed(store: DeliveryStore, delivery: Delivery, at_ms: int = AT_MS) -> Delivery:
    found = store.claim(delivery.webhook_id, delivery.id, at_ms=at_ms)
    assert found is not None
    return found


def now(store: DeliveryStore, delivery: Delivery) -> Delivery:
    return store.get(delivery.webhook_id, delivery.id, at_ms=AT_MS)


def overdue(store: DeliveryStore, at_ms: int, page_size: int = 25) -> list[str]:
    return [one.delivery_id for page in store.overdue(at_ms=at_ms, page_size=page_size) for one in page]


def test_a_delivery_is_read_as_it_was_added(store: DeliveryStore) -> None:
    delivery = has(store)
    assert now(store, delivery) == delivery
    assert (delivery.status, delivery.next_attempt_at) == (PENDING, delivery.created_at)


def test_an_event_goes_to_a_webhook_once(store: DeliveryStore) -> None:
    delivery = has(store)
    record_success(store, delivery)
    assert not store.add(delivery, at_ms=AT_MS)
    assert now(store, delivery).status is DELIVERED
    assert store.add(replace(delivery, webhook_id=a_webhook_id()), at_ms=AT_MS)


def record_success(store: DeliveryStore, delivery: Delivery) -> None:
    assert store.record(claimed(store, delivery), RECEIVED, DELIVERED, at_ms=AT_MS)


def test_what_is_not_there_is_not_found(store: DeliveryStore) -> None:
    delivery = has(store)
    for webhook_id, delivery_id in ((delivery.webhook_id, "evt_x"), (a_webhook_id(), delivery.id)):
        with pytest.raises(errors.DeliveryNotFound):
            store.get(webhook_id, delivery_id, at_ms=AT_MS)
        with pytest.raises(errors.DeliveryNotFound):
            store.restart(webhook_id, delivery_id, at_ms=AT_MS)
        assert store.claim(webhook_id, delivery_id, at_ms=AT_MS) is None
    assert store.page(delivery.webhook_id, limit=10, at_ms=AT_MS).entries == (delivery,)


def test_one_of_many_has_an_attempt(store: DeliveryStore) -> None:
    """At the same moment: ``tests/e2e`` has the store that tells."""
    delivery = has(store)
    found = [store.claim(delivery.webhook_id, delivery.id, at_ms=AT_MS) for _ in range(3)]
    assert found[1:] == [None, None]
    assert found[0] is not None
    assert (found[0].begun, found[0].claimed_until) == (1, timestamp(AT_MS + LEASE_MS))


def test_an_attempt_is_not_begun_before_it_is_due(store: DeliveryStore) -> None:
    delivery = has(store)
    assert store.claim(delivery.webhook_id, delivery.id, at_ms=AT_MS - 1) is None
    mine = claimed(store, delivery)
    assert store.record(mine, FAILED, PENDING, at_ms=AT_MS, next_attempt_ms=AT_MS + 5_000)
    assert store.claim(delivery.webhook_id, delivery.id, at_ms=AT_MS + 4_999) is None
    again = claimed(store, delivery, AT_MS + 5_000)
    assert (again.attempts, again.begun) == ((FAILED,), 2)


@pytest.mark.parametrize(("attempt", "status"), [(RECEIVED, DELIVERED), (FAILED, GIVEN_UP), (SILENT, GIVEN_UP)])
def test_what_is_over_is_not_tried_again_and_is_looked_for_by_nobody(
    store: DeliveryStore, attempt: Attempt, status: DeliveryStatus
) -> None:
    delivery = has(store)
    assert store.record(claimed(store, delivery), attempt, status, at_ms=AT_MS)
    over = now(store, delivery)
    assert over == replace(delivery, status=status, attempts=(attempt,), begun=1, next_attempt_at=None)
    assert store.claim(delivery.webhook_id, delivery.id, at_ms=AT_MS + 9 * HOUR_MS) is None
    assert overdue(store, AT_MS + 9 * HOUR_MS) == []


def test_an_attempt_that_was_cut_off_is_anybodys_again_when_its_lease_ends(store: DeliveryStore) -> None:
    delivery = has(store)
    cut_off = claimed(store, delivery)
    assert store.claim(delivery.webhook_id, delivery.id, at_ms=AT_MS + LEASE_MS - 1) is None
    assert overdue(store, AT_MS + LEASE_MS - 1) == []
    assert overdue(store, AT_MS + LEASE_MS) == [delivery.id]
    again = claimed(store, delivery, AT_MS + LEASE_MS)
    assert (again.attempts, again.begun) == ((), 2)
    assert not store.record(cut_off, RECEIVED, DELIVERED, at_ms=AT_MS + LEASE_MS)
    assert now(store, delivery) == again


@pytest.mark.parametrize("wait_ms", [0, 5_000, 15 * MINUTE_MS])
def test_a_message_has_a_minute_until_another_one_is_sent(store: DeliveryStore, wait_ms: int) -> None:
    delivery = has(store)
    if wait_ms:
        store.record(claimed(store, delivery), FAILED, PENDING, at_ms=AT_MS, next_attempt_ms=AT_MS + wait_ms)
    assert overdue(store, AT_MS + wait_ms + MINUTE_MS - 1) == []
    assert overdue(store, AT_MS + wait_ms + MINUTE_MS) == [delivery.id]


def test_what_no_message_can_wait_for_is_found_when_it_is_due(store: DeliveryStore) -> None:
    delivery = has(store)
    store.record(claimed(store, delivery), FAILED, PENDING, at_ms=AT_MS, next_attempt_ms=AT_MS + HOUR_MS)
    assert overdue(store, AT_MS + HOUR_MS - 1) == []
    assert overdue(store, AT_MS + HOUR_MS) == [delivery.id]


def test_what_is_overdue_longest_comes_first_page_by_page(store: DeliveryStore) -> None:
    late = [a_delivery() for _ in range(5)]
    for number, delivery in enumerate(late):
        assert store.add(delivery, at_ms=AT_MS - number)
    assert overdue(store, AT_MS + MINUTE_MS, page_size=2) == [delivery.id for delivery in reversed(late)]


def test_one_of_many_sends_the_message_and_the_next_is_sent_minutes_later(store: DeliveryStore) -> None:
    delivery = has(store)
    at_ms = AT_MS + MINUTE_MS
    (page,) = store.overdue(at_ms=at_ms, page_size=25)
    (found,) = page
    assert found == Overdue(delivery.webhook_id, delivery.id, timestamp(at_ms))
    assert [store.look_later(found, at_ms=at_ms) for _ in range(3)] == [True, False, False]
    assert overdue(store, at_ms + LOOK_AGAIN_MS - 1) == []
    assert overdue(store, at_ms + LOOK_AGAIN_MS) == [delivery.id]
    assert claimed(store, delivery, at_ms).begun == 1


def test_no_message_is_sent_for_an_attempt_that_began_meanwhile(store: DeliveryStore) -> None:
    delivery = has(store)
    (page,) = store.overdue(at_ms=AT_MS + MINUTE_MS, page_size=25)
    claimed(store, delivery, AT_MS + MINUTE_MS)
    assert not store.look_later(page[0], at_ms=AT_MS + MINUTE_MS)


def test_what_is_put_off_begins_no_attempt_and_is_due_then_and_not_before(store: DeliveryStore) -> None:
    delivery = has(store)
    assert store.put_off(delivery.webhook_id, delivery.id, until_ms=AT_MS + MINUTE_MS, at_ms=AT_MS)
    assert now(store, delivery) == replace(delivery, next_attempt_at=timestamp(AT_MS + MINUTE_MS))
    assert overdue(store, AT_MS + 2 * MINUTE_MS) == [delivery.id]
    assert store.claim(delivery.webhook_id, delivery.id, at_ms=AT_MS + MINUTE_MS - 1) is None
    assert claimed(store, delivery, AT_MS + MINUTE_MS).begun == 1


def test_what_is_not_due_is_not_put_off_nor_is_a_test(store: DeliveryStore) -> None:
    later, under_way, received, test = has(store), has(store), has(store), has(store, is_test=True)
    assert store.put_off(later.webhook_id, later.id, until_ms=AT_MS + 9, at_ms=AT_MS)
    claimed(store, under_way)
    store.record(claimed(store, received), RECEIVED, DELIVERED, at_ms=AT_MS)
    for delivery in (later, under_way, received, test):
        before = now(store, delivery)
        assert not store.put_off(delivery.webhook_id, delivery.id, until_ms=AT_MS + HOUR_MS, at_ms=AT_MS)
        assert now(store, delivery) == before


def test_an_attempt_that_is_given_back_costs_none(store: DeliveryStore) -> None:
    delivery = has(store)
    mine = claimed(store, delivery)
    assert store.give_back(mine, until_ms=AT_MS + MINUTE_MS, at_ms=AT_MS)
    assert now(store, delivery) == replace(delivery, next_attempt_at=timestamp(AT_MS + MINUTE_MS))
    assert overdue(store, AT_MS + 2 * MINUTE_MS) == [delivery.id]
    assert store.claim(delivery.webhook_id, delivery.id, at_ms=AT_MS + MINUTE_MS - 1) is None
    assert claimed(store, delivery, AT_MS + MINUTE_MS).begun == 1


def test_nobody_gives_back_an_attempt_of_somebody_else(store: DeliveryStore) -> None:
    delivery = has(store)
    late = claimed(store, delivery)
    mine = claimed(store, delivery, AT_MS + LEASE_MS)
    assert not store.give_back(late, until_ms=AT_MS + HOUR_MS, at_ms=AT_MS + LEASE_MS)
    assert store.record(mine, RECEIVED, DELIVERED, at_ms=AT_MS)
    assert not store.give_back(mine, until_ms=AT_MS + HOUR_MS, at_ms=AT_MS + LEASE_MS)


@pytest.mark.parametrize("status", [PENDING, DELIVERED, GIVEN_UP])
def test_a_delivery_made_anew_has_all_its_attempts_before_it_and_the_old_ones_in_its_log(
    store: DeliveryStore, status: DeliveryStatus
) -> None:
    delivery = has(store)
    next_ms = AT_MS + HOUR_MS if status is PENDING else None
    store.record(claimed(store, delivery), FAILED, status, at_ms=AT_MS, next_attempt_ms=next_ms)
    again = store.restart(delivery.webhook_id, delivery.id, at_ms=AT_MS + 1)
    assert again == replace(delivery, attempts=(FAILED,), next_attempt_at=timestamp(AT_MS + 1)) == now(store, delivery)
    assert overdue(store, AT_MS + 1 + MINUTE_MS) == [delivery.id]
    assert claimed(store, delivery, AT_MS + 1).begun == 1


def test_a_delivery_is_not_made_anew_while_an_attempt_is_under_way(store: DeliveryStore) -> None:
    mine = claimed(store, has(store))
    with pytest.raises(errors.RequestInFlight):
        store.restart(mine.webhook_id, mine.id, at_ms=AT_MS + LEASE_MS - 1)
    assert now(store, mine) == mine
    assert store.restart(mine.webhook_id, mine.id, at_ms=AT_MS + LEASE_MS).begun == 0
    assert not store.record(mine, FAILED, GIVEN_UP, at_ms=AT_MS + LEASE_MS)


def test_a_log_keeps_the_latest_attempts(store: DeliveryStore) -> None:
    delivery = has(store)
    for number in range(KEPT_ATTEMPTS + 2):
        mine = claimed(store, delivery, AT_MS + number)
        attempt = replace(FAILED, duration_ms=number)
        store.record(mine, attempt, PENDING, at_ms=AT_MS + number, next_attempt_ms=AT_MS + number + 1)
    kept = now(store, delivery).attempts
    assert [one.duration_ms for one in kept] == list(range(2, KEPT_ATTEMPTS + 2))


def test_a_webhooks_deliveries_are_listed_newest_first_page_by_page(store: DeliveryStore) -> None:
    webhook_id = a_webhook_id()
    made = [has(store, webhook_id=webhook_id, at_ms=AT_MS + number) for number in range(7)]
    has(store)
    shown: list[Delivery] = []
    position = None
    for _ in range(3):
        page = store.page(webhook_id, limit=3, at_ms=AT_MS, after=position)
        shown += page.entries
        position = page.position
    assert shown == made[::-1]
    assert position is None
    assert store.page(webhook_id, limit=7, at_ms=AT_MS).position is None
    assert store.page(a_webhook_id(), limit=3, at_ms=AT_MS).entries == ()


def test_of_one_status_every_delivery_is_on_one_page(store: DeliveryStore) -> None:
    webhook_id = a_webhook_id()
    made = [has(store, webhook_id=webhook_id, at_ms=AT_MS + number) for number in range(EXAMINED + 3)]
    for number in (0, 1, 50, EXAMINED + 1):
        store.record(claimed(store, made[number], AT_MS + number), FAILED, GIVEN_UP, at_ms=AT_MS)
    shown: list[str] = []
    position, pages = None, 0
    while pages == 0 or position is not None:
        page = store.page(webhook_id, limit=2, at_ms=AT_MS, status=GIVEN_UP, after=position)
        shown += [one.id for one in page.entries]
        position, pages = page.position, pages + 1
    assert shown == [made[number].id for number in (EXAMINED + 1, 50, 1, 0)]
    assert pages <= 3


def test_what_has_expired_is_not_there_although_dynamodb_deletes_it_later(store: DeliveryStore) -> None:
    delivery = has(store)
    for at_ms, there in ((AT_MS + KEEP_SECONDS * 1000 - 1, True), (AT_MS + KEEP_SECONDS * 1000, False)):
        assert store.page(delivery.webhook_id, limit=5, at_ms=at_ms).entries == ((delivery,) if there else ())
        if there:
            assert store.get(delivery.webhook_id, delivery.id, at_ms=at_ms) == delivery
            continue
        with pytest.raises(errors.DeliveryNotFound):
            store.get(delivery.webhook_id, delivery.id, at_ms=at_ms)
        with pytest.raises(errors.DeliveryNotFound):
            store.restart(delivery.webhook_id, delivery.id, at_ms=at_ms)
    assert now(store, delivery) == delivery
