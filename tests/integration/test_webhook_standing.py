"""What a webhook is known for: since when it fails, and until when others wait; of the store and the one in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from promptmill.clock import timestamp
from promptmill.errors import WebhookNotFound
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.events.webhooks.model import DisabledReason, Webhook, WebhookStatus, changed
from promptmill.events.webhooks.schedule import MAX_PAUSE_MS
from tests.support.builders import AT_MS
from tests.support.webhooks import added

URL = "https://other.example.com/hook"


def fails(endpoints: EndpointStore, webhook: Webhook, at_ms: int, held_until_ms: int | None = None) -> Webhook:
    return endpoints.note_failure(webhook, at_ms=at_ms, held_until_ms=held_until_ms)


def test_a_failure_counts_from_the_first_until_a_success(endpoints: EndpointStore) -> None:
    webhook = added(endpoints)
    assert fails(endpoints, webhook, AT_MS).failing_since == timestamp(AT_MS)
    failing = fails(endpoints, webhook, AT_MS + 5)
    assert failing == replace(webhook, failing_since=timestamp(AT_MS), last_failed_at=timestamp(AT_MS + 5))
    assert endpoints.get(webhook.id) == failing
    endpoints.note_success(failing)
    assert endpoints.get(webhook.id) == webhook
    assert fails(endpoints, failing, AT_MS + 9).failing_since == timestamp(AT_MS + 9)


def test_a_failure_after_a_long_pause_is_the_first(endpoints: EndpointStore) -> None:
    webhook = added(endpoints)
    fails(endpoints, webhook, AT_MS)
    assert fails(endpoints, webhook, AT_MS + MAX_PAUSE_MS).failing_since == timestamp(AT_MS)
    after_ms = AT_MS + 2 * MAX_PAUSE_MS + 1
    assert fails(endpoints, webhook, after_ms).failing_since == timestamp(after_ms)


def test_the_last_failure_says_whether_others_wait_and_a_success_that_they_do_not(endpoints: EndpointStore) -> None:
    webhook, until = added(endpoints), timestamp(AT_MS + 60_000)
    held = fails(endpoints, webhook, AT_MS, AT_MS + 60_000)
    assert held.held_until == endpoints.get(webhook.id).held_until == until
    assert fails(endpoints, webhook, AT_MS).held_until is None
    endpoints.note_success(fails(endpoints, webhook, AT_MS, AT_MS + 60_000))
    assert endpoints.get(webhook.id) == webhook


def test_who_failed_for_days_is_disabled_unless_it_took_something_meanwhile(endpoints: EndpointStore) -> None:
    webhook = added(endpoints)
    failing = fails(endpoints, webhook, AT_MS)
    endpoints.note_success(failing)
    assert not endpoints.disable(failing, DisabledReason.FAILING, at_ms=AT_MS + 1)
    fails(endpoints, webhook, AT_MS + 2)
    assert not endpoints.disable(failing, DisabledReason.FAILING, at_ms=AT_MS + 3)
    failing = fails(endpoints, webhook, AT_MS + 3)
    assert endpoints.disable(failing, DisabledReason.FAILING, at_ms=AT_MS + 4)
    assert endpoints.get(webhook.id).failing_since == timestamp(AT_MS + 2)


def test_one_of_many_tries_a_webhook_whose_hold_is_over(endpoints: EndpointStore) -> None:
    webhook = added(endpoints)
    assert endpoints.hold(webhook, until_ms=AT_MS + 60_000, at_ms=AT_MS)
    assert not endpoints.hold(webhook, until_ms=AT_MS + 90_000, at_ms=AT_MS + 59_999)
    tries = [endpoints.hold(webhook, until_ms=AT_MS + 120_000, at_ms=AT_MS + 60_000) for _ in range(3)]
    assert tries == [True, False, False]
    assert endpoints.get(webhook.id).held_until == timestamp(AT_MS + 120_000)


@pytest.mark.parametrize("change", [{"url": URL}, {"status": WebhookStatus.DISABLED}])
def test_another_url_and_status_are_new_beginnings_whatever_was_noted_since(
    endpoints: EndpointStore, change: dict[str, Any]
) -> None:
    webhook = added(endpoints)
    fails(endpoints, webhook, AT_MS, AT_MS + 60_000)
    endpoints.change(webhook, changed(webhook, **change, at_ms=AT_MS))
    stored = endpoints.get(webhook.id)
    assert (stored.failing_since, stored.last_failed_at, stored.held_until) == (None, None, None)


@pytest.mark.parametrize("change", [{"url": URL}, {"status": WebhookStatus.ENABLED}])
def test_who_failed_begins_anew_at_another_url_and_when_it_is_enabled(
    endpoints: EndpointStore, change: dict[str, Any]
) -> None:
    webhook = added(endpoints)
    endpoints.disable(fails(endpoints, webhook, AT_MS, AT_MS), DisabledReason.FAILING, at_ms=AT_MS)
    failing = endpoints.get(webhook.id)
    endpoints.change(failing, changed(failing, **change, at_ms=AT_MS))
    stored = endpoints.get(webhook.id)
    assert (stored.failing_since, stored.last_failed_at, stored.held_until) == (None, None, None)


@pytest.mark.parametrize(
    "change",
    [
        lambda store, webhook: store.change(webhook, changed(webhook, url=URL, at_ms=AT_MS)),
        lambda store, webhook: store.disable(webhook, DisabledReason.GONE, at_ms=AT_MS),
    ],
    ids=["moved", "disabled"],
)
def test_how_a_webhook_did_before_it_was_moved_or_disabled_is_not_written_down(
    endpoints: EndpointStore, change: Callable[[EndpointStore, Webhook], object]
) -> None:
    webhook = added(endpoints)
    change(endpoints, webhook)
    after = endpoints.get(webhook.id)
    assert fails(endpoints, webhook, AT_MS, AT_MS + 60_000) == webhook
    assert not endpoints.hold(webhook, until_ms=AT_MS + 60_000, at_ms=AT_MS)
    assert endpoints.get(webhook.id) == after


def test_a_success_at_the_url_before_says_nothing_about_the_one_now(endpoints: EndpointStore) -> None:
    webhook = added(endpoints)
    failing = fails(endpoints, webhook, AT_MS)
    moved = changed(failing, url=URL, at_ms=AT_MS)
    endpoints.change(failing, moved)
    fails(endpoints, moved, AT_MS + 1)
    endpoints.note_success(failing)
    assert endpoints.get(webhook.id).failing_since == timestamp(AT_MS + 1)


def test_how_a_webhook_that_is_gone_does_is_not_written_down(endpoints: EndpointStore) -> None:
    webhook = added(endpoints)
    endpoints.delete(webhook.id)
    assert fails(endpoints, webhook, AT_MS) == webhook
    endpoints.note_success(replace(webhook, failing_since=timestamp(AT_MS)))
    assert not endpoints.hold(webhook, until_ms=AT_MS, at_ms=AT_MS)
    with pytest.raises(WebhookNotFound):
        endpoints.get(webhook.id)
