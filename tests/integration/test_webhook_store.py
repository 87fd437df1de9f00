"""What the store of webhooks promises, and the one in memory too, so that tests may use it in the other's place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from promptmill.clock import new_id, timestamp
from promptmill.errors import RequestInFlight, TooManyWebhooks, WebhookNotFound
from promptmill.events.names import EventName
from promptmill.events.webhooks.endpoints.store import EndpointStore, new_secret
from promptmill.events.webhooks.model import (
    MAX_WEBHOOKS,
    DisabledReason,
    Webhook,
    WebhookStatus,
    changed,
    rotated,
)
from tests.support.builders import AT_MS
from tests.support.webhooks import a_webhook, added, an_owner

URL = "https://other.example.com/hook"


@pytest.mark.parametrize("owner", [None, an_owner()])
def test_a_webhook_is_read_as_it_was_made(endpoints: EndpointStore, owner: str | None) -> None:
    webhook = added(endpoints, owner=owner)
    assert endpoints.get(webhook.id) == webhook


def test_a_webhook_nobody_made_is_not_found(endpoints: EndpointStore) -> None:
    absent = new_id("whk", AT_MS)
    for act in (endpoints.get, endpoints.delete):
        with pytest.raises(WebhookNotFound):
            act(absent)


def test_an_event_goes_to_the_webhooks_of_its_owner_and_of_everybody(endpoints: EndpointStore) -> None:
    owner, other = an_owner(), an_owner()
    own = added(endpoints, owner=owner, events=frozenset({EventName.PROMPT_STARRED}))
    of_all = added(endpoints)
    added(endpoints, owner=other)
    assert endpoints.subscribers(owner) == {own.id: {EventName.PROMPT_STARRED}, of_all.id: of_all.events}
    assert endpoints.subscribers(an_owner()) == {of_all.id: of_all.events}


def test_an_owner_has_so_many_webhooks_and_then_room_for_the_one_that_was_deleted(endpoints: EndpointStore) -> None:
    owner = an_owner()
    webhooks = [added(endpoints, owner=owner) for _ in range(MAX_WEBHOOKS)]
    refused = a_webhook(owner=owner)
    with pytest.raises(TooManyWebhooks):
        endpoints.add(refused)
    with pytest.raises(WebhookNotFound):
        endpoints.get(refused.id)
    added(endpoints, owner=an_owner())
    added(endpoints)
    endpoints.delete(webhooks[3].id)
    endpoints.add(refused)
    with pytest.raises(TooManyWebhooks):
        added(endpoints, owner=owner)


def test_what_a_webhook_is_sent_changes_with_it(endpoints: EndpointStore) -> None:
    webhook = added(endpoints)
    after = changed(webhook, url=URL, events=frozenset({EventName.USER_DELETED}), at_ms=AT_MS)
    endpoints.change(webhook, after)
    assert endpoints.get(webhook.id) == after
    assert endpoints.subscribers(an_owner()) == {webhook.id: {EventName.USER_DELETED}}


def test_a_disabled_webhook_is_sent_nothing_until_it_is_enabled_again(endpoints: EndpointStore) -> None:
    webhook = added(endpoints)
    off = changed(webhook, status=WebhookStatus.DISABLED, at_ms=AT_MS)
    endpoints.change(webhook, off)
    assert endpoints.subscribers(an_owner()) == {webhook.id: frozenset()}
    assert endpoints.get(webhook.id) == off
    on = changed(off, status=WebhookStatus.ENABLED, at_ms=AT_MS)
    endpoints.change(off, on)
    assert endpoints.subscribers(an_owner()) == {webhook.id: webhook.events}
    assert endpoints.get(webhook.id) == webhook


@pytest.mark.parametrize(
    "meddle",
    [
        lambda store, webhook: store.change(webhook, changed(webhook, url=URL, at_ms=AT_MS)),
        lambda store, webhook: store.disable(webhook, DisabledReason.GONE, at_ms=AT_MS),
        lambda store, webhook: store.delete(webhook.id),
    ],
)
def test_a_change_of_what_was_changed_in_between_is_refused_whole(
    endpoints: EndpointStore, meddle: Callable[[EndpointStore, Webhook], object]
) -> None:
    webhook = added(endpoints)
    meddle(endpoints, webhook)
    sent = endpoints.subscribers(an_owner())
    with pytest.raises(RequestInFlight):
        endpoints.change(webhook, changed(webhook, events=frozenset({EventName.USER_DELETED}), at_ms=AT_MS))
    assert endpoints.subscribers(an_owner()) == sent


def test_a_rotated_webhook_has_two_secrets_and_never_three(endpoints: EndpointStore) -> None:
    webhook = added(endpoints)
    second, third = new_secret(), new_secret()
    once = rotated(webhook, secret=second, overlap_seconds=60, at_ms=AT_MS)
    endpoints.rotate(webhook, once)
    assert endpoints.get(webhook.id) == once
    assert [(each.value, each.valid_until) for each in once.secrets] == [
        (second, None),
        (webhook.secrets[0].value, timestamp(AT_MS + 60_000)),
    ]
    twice = rotated(once, secret=third, overlap_seconds=0, at_ms=AT_MS)
    endpoints.rotate(once, twice)
    assert [each.value for each in endpoints.get(webhook.id).secrets] == [third]


def test_of_two_rotations_at_once_one_is_refused(endpoints: EndpointStore) -> None:
    webhook = added(endpoints)
    first, second = (rotated(webhook, secret=new_secret(), overlap_seconds=9, at_ms=AT_MS) for _ in range(2))
    endpoints.rotate(webhook, first)
    with pytest.raises(RequestInFlight):
        endpoints.rotate(webhook, second)
    assert endpoints.get(webhook.id) == first


def test_a_change_leaves_the_secrets_and_a_rotation_all_else(endpoints: EndpointStore) -> None:
    webhook = added(endpoints)
    to = rotated(webhook, secret=new_secret(), overlap_seconds=9, at_ms=AT_MS)
    after = changed(webhook, url=URL, at_ms=AT_MS)
    endpoints.rotate(webhook, to)
    endpoints.change(webhook, after)
    assert endpoints.get(webhook.id) == replace(after, secrets=to.secrets)


def test_a_deleted_webhook_is_sent_nothing_and_cannot_be_rotated(endpoints: EndpointStore) -> None:
    webhook, other = added(endpoints), added(endpoints)
    endpoints.delete(webhook.id)
    assert endpoints.subscribers(an_owner()) == {other.id: other.events}
    for act in (endpoints.get, endpoints.delete):
        with pytest.raises(WebhookNotFound):
            act(webhook.id)
    with pytest.raises(RequestInFlight):
        endpoints.rotate(webhook, rotated(webhook, secret=new_secret(), overlap_seconds=9, at_ms=AT_MS))


def test_a_webhook_is_disabled_once_with_its_reason(endpoints: EndpointStore) -> None:
    webhook = added(endpoints)
    assert endpoints.disable(webhook, DisabledReason.GONE, at_ms=AT_MS)
    assert not endpoints.disable(webhook, DisabledReason.FAILING, at_ms=AT_MS + 9)
    stored = endpoints.get(webhook.id)
    assert (stored.status, stored.disabled_reason, stored.disabled_at) == (
        WebhookStatus.DISABLED,
        DisabledReason.GONE,
        timestamp(AT_MS),
    )
    assert endpoints.subscribers(an_owner()) == {webhook.id: frozenset()}


def test_a_webhook_with_another_url_than_the_one_that_is_gone_stays_enabled(endpoints: EndpointStore) -> None:
    webhook = added(endpoints)
    endpoints.change(webhook, changed(webhook, url=URL, at_ms=AT_MS))
    assert not endpoints.disable(webhook, DisabledReason.GONE, at_ms=AT_MS)
    assert endpoints.get(webhook.id).status is WebhookStatus.ENABLED


def test_all_webhooks_of_a_user_are_forgotten_and_nobody_elses(endpoints: EndpointStore) -> None:
    owner = an_owner()
    mine = [added(endpoints, owner=owner) for _ in range(MAX_WEBHOOKS)]
    others = [added(endpoints, owner=an_owner()), added(endpoints)]
    endpoints.delete(mine.pop().id)
    endpoints.disable(mine[0], DisabledReason.GONE, at_ms=AT_MS)
    for _ in range(2):
        endpoints.forget_all(owner)
        for webhook in mine:
            with pytest.raises(WebhookNotFound):
                endpoints.get(webhook.id)
    for webhook in others:
        assert endpoints.get(webhook.id) == webhook
    added(endpoints, owner=owner)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_webhooks_are_listed_once_each_and_newest_first(endpoints: EndpointStore, limit: int) -> None:
    webhooks = [added(endpoints, at_ms=AT_MS + number, owner=an_owner()) for number in range(4)]
    found: list[Webhook] = []
    page = endpoints.page(limit=limit)
    while page.position is not None:
        assert len(page.entries) == limit
        found += page.entries
        page = endpoints.page(limit=limit, after=page.position)
    assert [*found, *page.entries] == webhooks[::-1]
