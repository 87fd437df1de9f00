"""The webhooks of a user who leaves are silenced, then erased with what was delivered to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptmill.events.webhooks.deliveries.store import FORGOTTEN_AT_ONCE, DeliveryStore
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.events.webhooks.erasure import QUIET_MS, WebhookEraser
from promptmill.events.webhooks.model import DisabledReason, WebhookStatus
from tests.integration.crashes import Account, Crash, Cut
from tests.integration.tables import make_table
from tests.support.builders import AT_MS
from tests.support.deliveries import a_delivery
from tests.support.webhooks import added, an_owner

if TYPE_CHECKING:
    from promptmill.events.webhooks.model import Webhook

TABLE = "WebhooksTable"


@pytest.fixture(scope="module")
def account(dynamodb: Any) -> Account:
    make_table(dynamodb, TABLE)
    return Account("no jobs", "no limits")


class Leaving:
    """A user with two webhooks, of whom an event was delivered to each."""

    def __init__(self, account: Account, owner: str | None = None) -> None:
        self.account = account
        self.owner = owner or an_owner()
        self.endpoints = EndpointStore(TABLE, account.outside["dynamodb"])
        self.deliveries = DeliveryStore(TABLE, account.outside["dynamodb"])
        watched = account.clients["dynamodb"]
        self.eraser = WebhookEraser(EndpointStore(TABLE, watched), DeliveryStore(TABLE, watched))
        self.at_ms = AT_MS
        self.webhooks = [added(self.endpoints, owner=self.owner) for _ in range(2)]
        for webhook in self.webhooks:
            self.is_sent_something(webhook)
        account.made, account.cut = [], None

    def is_sent_something(self, webhook: Webhook) -> None:
        assert self.deliveries.add(a_delivery(webhook.id), at_ms=AT_MS)

    def call(self, *, later_ms: int = QUIET_MS) -> bool:
        """The next call, so long after the one before."""
        self.at_ms += later_ms
        return self.eraser.erase(self.owner, self.at_ms)

    def to_the_end(self) -> None:
        while self.call():
            pass

    def left(self) -> list[str]:
        """The sort keys of everything that is stored of the user."""
        ids = (self.owner, *(webhook.id for webhook in self.webhooks))
        items = self.account.outside["dynamodb"].scan(TableName=TABLE)["Items"]
        return sorted(i["sk"]["S"].partition("#")[0] for i in items if i["pk"]["S"].partition("#")[2] in ids)


def test_they_are_silenced_first_then_erased_and_nobody_elses_are(account: Account) -> None:
    staying, leaving = Leaving(account), Leaving(account)
    everybodys = added(leaving.endpoints)
    before = leaving.left()
    assert before == ["DELIVERY", "DELIVERY", "SUBSCRIPTIONS", "WEBHOOK", "WEBHOOK"]
    assert leaving.call() is True
    assert {leaving.endpoints.get(one.id).status for one in leaving.webhooks} == {WebhookStatus.DISABLED}
    assert leaving.left() == before
    assert [leaving.call(), leaving.call()] == [True, False]
    assert leaving.left() == []
    assert staying.left() == before
    assert staying.endpoints.subscribers(staying.owner).keys() == {*(one.id for one in staying.webhooks), everybodys.id}


def test_an_event_that_was_being_spread_when_the_user_left_is_erased_too(account: Account) -> None:
    leaving = Leaving(account)
    leaving.call()
    assert not any(leaving.endpoints.subscriptions(leaving.owner).values())
    for webhook in leaving.webhooks:
        leaving.is_sent_something(webhook)
    leaving.to_the_end()
    assert leaving.left() == []


def test_a_call_that_comes_again_at_once_deletes_nothing_yet(account: Account) -> None:
    leaving = Leaving(account)
    before = leaving.left()
    assert [leaving.call(), leaving.call(later_ms=1000), leaving.call(later_ms=QUIET_MS - 1001)] == [True] * 3
    assert leaving.left() == before
    leaving.call(later_ms=1)
    assert leaving.left() == []


def test_a_webhook_that_was_disabled_just_before_is_waited_for_like_one_that_was_not(account: Account) -> None:
    leaving = Leaving(account)
    before = leaving.left()
    for webhook in leaving.webhooks:
        assert leaving.endpoints.disable(webhook, DisabledReason.GONE, at_ms=AT_MS)
    assert leaving.call(later_ms=1000) is True
    assert leaving.left() == before
    assert [leaving.call(), leaving.call()] == [True, False]
    assert leaving.left() == []


def test_a_webhook_is_erased_after_all_that_was_delivered_to_it(account: Account) -> None:
    leaving = Leaving(account)
    for _ in range(FORGOTTEN_AT_ONCE):
        leaving.is_sent_something(leaving.webhooks[0])
    assert [leaving.call(), leaving.call()] == [True, True]
    assert leaving.left() == ["DELIVERY", "SUBSCRIPTIONS", "WEBHOOK", "WEBHOOK"]
    assert [leaving.call(), leaving.call()] == [True, False]
    assert leaving.left() == []


def test_a_user_without_webhooks_costs_two_reads(account: Account) -> None:
    leaving = Leaving(account)
    leaving.to_the_end()
    account.made.clear()
    assert leaving.call() is False
    assert account.made == ["dynamodb.BatchGetItem"] * 2


def test_of_a_user_whose_webhooks_were_deleted_before_nothing_is_left(account: Account) -> None:
    leaving = Leaving(account)
    for webhook in leaving.webhooks:
        leaving.deliveries.forget_page(webhook.id)
        leaving.endpoints.delete(webhook.id)
    assert leaving.left() == ["SUBSCRIPTIONS"]
    assert leaving.call() is False
    assert leaving.left() == []


@pytest.mark.parametrize("page", range(2))
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_who_is_killed_at_any_call_and_tried_again_erases_everything(
    account: Account, page: int, *, after: bool
) -> None:
    rehearsal = begun(account, page)
    rehearsal.call()
    for number, name in enumerate(list(account.made)):
        leaving = begun(account, page)
        account.cut = Cut(number, after)
        with pytest.raises(Crash):
            leaving.call()
        leaving.to_the_end()
        assert leaving.left() == [], f"killed at {number} {name}"


def begun(account: Account, page: int) -> Leaving:
    leaving = Leaving(account)
    for _ in range(page):
        leaving.call()
    account.made.clear()
    return leaving
