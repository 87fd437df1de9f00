"""What follows from what a webhook answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from promptmill.clock import timestamp
from promptmill.events.webhooks.answer import Answer, SendError
from promptmill.events.webhooks.gateway import _CONNECT_SECONDS, _RESOLVE_SECONDS
from promptmill.events.webhooks.judgement import (
    MAX_FAILING_MS,
    SLOW_MS,
    Verdict,
    attempts_of,
    failing_for_ms,
    held_until_ms,
    judge,
    why_disabled,
)
from promptmill.events.webhooks.model import DeliveryStatus, DisabledReason, Webhook
from promptmill.events.webhooks.schedule import ATTEMPTS, DAY_MS, INTERVALS_MS, MAX_PAUSE_MS, MINUTE_MS
from tests.support.builders import AT_MS
from tests.support.deliveries import BROKEN, GONE, RECEIVED, SILENT, a_delivery
from tests.support.webhooks import a_webhook

DELIVERED = Verdict(DeliveryStatus.DELIVERED)
GIVEN_UP = Verdict(DeliveryStatus.FAILED)


def verdict(answer: Answer, *, begun: int = 1, is_test: bool = False, disabled: bool = False) -> Verdict:
    return judge(answer, a_delivery(begun=begun, is_test=is_test), disabled=disabled, at_ms=AT_MS, jitter=0)


def failing_for(duration_ms: int, *, ago_ms: int = 0) -> Webhook:
    """A webhook that has been failing for so long, and did last a time ago."""
    return a_webhook(failing_since=timestamp(AT_MS - duration_ms), last_failed_at=timestamp(AT_MS - ago_ms))


@pytest.mark.parametrize("begun", range(1, ATTEMPTS + 1))
@pytest.mark.parametrize("is_test", [False, True])
def test_what_was_received_is_delivered_whenever_it_was(begun: int, *, is_test: bool) -> None:
    assert verdict(RECEIVED, begun=begun, is_test=is_test) == DELIVERED


@pytest.mark.parametrize(("begun", "interval_ms"), list(enumerate(INTERVALS_MS, start=1)))
@pytest.mark.parametrize("error", sorted(set(SendError) - {SendError.TIMED_OUT}))
def test_any_failure_is_tried_again_on_schedule(begun: int, interval_ms: int, error: SendError) -> None:
    failure = Answer(duration_ms=9, error=error)
    assert verdict(failure, begun=begun) == Verdict(DeliveryStatus.PENDING, AT_MS + interval_ms)


def test_the_receiver_says_how_long_to_wait_at_least() -> None:
    busy = Answer(duration_ms=9, status_code=429, error=SendError.ANSWERED_4XX, retry_after_seconds=90)
    assert verdict(busy).next_attempt_ms == AT_MS + 90_000
    assert verdict(busy, begun=2).next_attempt_ms == AT_MS + INTERVALS_MS[1]


@pytest.mark.parametrize("begun", [ATTEMPTS, ATTEMPTS + 1])
def test_after_the_last_attempt_there_is_none(begun: int) -> None:
    assert verdict(BROKEN, begun=begun) == GIVEN_UP


def test_a_test_is_tried_once() -> None:
    assert verdict(BROKEN, is_test=True) == GIVEN_UP
    assert attempts_of(a_delivery(is_test=True)) == 1


def test_an_answer_that_disables_its_webhook_ends_the_delivery() -> None:
    assert verdict(BROKEN, disabled=True) == verdict(GONE, disabled=True) == GIVEN_UP


@pytest.mark.parametrize("is_test", [False, True])
@pytest.mark.parametrize("failing_ms", [0, MAX_FAILING_MS])
def test_who_is_gone_is_disabled_at_once(failing_ms: int, *, is_test: bool) -> None:
    delivery = a_delivery(is_test=is_test)
    assert why_disabled(GONE, delivery, failing_for(failing_ms), at_ms=AT_MS) is DisabledReason.GONE


@pytest.mark.parametrize("answer", [BROKEN, SILENT])
def test_who_took_nothing_for_five_days_is_disabled(answer: Answer) -> None:
    event, test = a_delivery(), a_delivery(is_test=True)
    assert why_disabled(answer, event, failing_for(MAX_FAILING_MS), at_ms=AT_MS) is DisabledReason.FAILING
    assert why_disabled(answer, event, failing_for(MAX_FAILING_MS - 1), at_ms=AT_MS) is None
    assert why_disabled(answer, test, failing_for(MAX_FAILING_MS), at_ms=AT_MS) is None
    assert why_disabled(RECEIVED, event, failing_for(MAX_FAILING_MS), at_ms=AT_MS) is None


def test_who_failed_long_ago_is_not_failing() -> None:
    assert failing_for_ms(failing_for(MAX_FAILING_MS, ago_ms=MAX_PAUSE_MS), at_ms=AT_MS) == MAX_FAILING_MS
    assert failing_for_ms(failing_for(MAX_FAILING_MS, ago_ms=MAX_PAUSE_MS + 1), at_ms=AT_MS) == 0
    assert failing_for_ms(a_webhook(), at_ms=AT_MS) == 0


@pytest.mark.parametrize("slow", [SILENT, replace(SILENT, duration_ms=500), replace(BROKEN, duration_ms=SLOW_MS)])
def test_others_wait_for_who_took_long_to_fail(slow: Answer) -> None:
    assert held_until_ms(slow, a_webhook(), at_ms=AT_MS) == AT_MS + MINUTE_MS
    assert held_until_ms(slow, failing_for(10 * MINUTE_MS), at_ms=AT_MS) == AT_MS + 5 * MINUTE_MS


@pytest.mark.parametrize("error", sorted(set(SendError) - {SendError.TIMED_OUT}))
def test_nobody_waits_for_who_failed_at_once(error: SendError) -> None:
    assert held_until_ms(Answer(SLOW_MS - 1, error=error), failing_for(DAY_MS), at_ms=AT_MS) is None


def test_others_wait_for_a_host_whose_addresses_or_name_server_do_not_answer() -> None:
    assert min(_CONNECT_SECONDS, _RESOLVE_SECONDS) * 1000 >= SLOW_MS
