"""What follows from what a webhook answered."""

from __future__ import annotations

import pytest

from promptmill.events.webhooks.answer import Answer, SendError
from promptmill.events.webhooks.judgement import MAX_FAILING_MS, Verdict, attempts_of, judge
from promptmill.events.webhooks.model import DeliveryStatus, DisabledReason
from promptmill.events.webhooks.schedule import ATTEMPTS, INTERVALS_MS, MINUTE_MS
from tests.support.builders import AT_MS
from tests.support.deliveries import a_delivery

RECEIVED = Answer(duration_ms=9, status_code=204)
BROKEN = Answer(duration_ms=9, status_code=503, error=SendError.ANSWERED_5XX)
GONE = Answer(duration_ms=9, status_code=410, error=SendError.ANSWERED_4XX)
SILENT = Answer(duration_ms=15_000, error=SendError.TIMED_OUT)
DELIVERED = Verdict(DeliveryStatus.DELIVERED)
GIVEN_UP = Verdict(DeliveryStatus.FAILED)


def verdict(answer: Answer, *, begun: int = 1, failing_for_ms: int = 0, is_test: bool = False) -> Verdict:
    delivery = a_delivery(begun=begun, is_test=is_test)
    return judge(answer, delivery, failing_for_ms=failing_for_ms, at_ms=AT_MS, jitter=0)


@pytest.mark.parametrize("begun", range(1, ATTEMPTS + 1))
@pytest.mark.parametrize("is_test", [False, True])
def test_what_was_received_is_delivered_whenever_it_was(begun: int, *, is_test: bool) -> None:
    assert verdict(RECEIVED, begun=begun, failing_for_ms=MAX_FAILING_MS, is_test=is_test) == DELIVERED


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


@pytest.mark.parametrize("is_test", [False, True])
@pytest.mark.parametrize("begun", [1, ATTEMPTS])
def test_who_is_gone_is_disabled_at_once(begun: int, *, is_test: bool) -> None:
    gone = Verdict(DeliveryStatus.FAILED, disabled=DisabledReason.GONE)
    assert verdict(GONE, begun=begun, is_test=is_test) == gone


@pytest.mark.parametrize("answer", [BROKEN, SILENT])
def test_who_took_nothing_for_five_days_is_disabled(answer: Answer) -> None:
    failing = Verdict(DeliveryStatus.FAILED, disabled=DisabledReason.FAILING)
    assert verdict(answer, failing_for_ms=MAX_FAILING_MS) == failing
    assert verdict(answer, failing_for_ms=MAX_FAILING_MS - 1).disabled is None


def test_others_wait_for_who_did_not_answer_in_time_and_for_nobody_else() -> None:
    assert verdict(SILENT).held_until_ms == AT_MS + MINUTE_MS
    assert verdict(SILENT, failing_for_ms=10 * MINUTE_MS).held_until_ms == AT_MS + 5 * MINUTE_MS
    assert verdict(SILENT, begun=ATTEMPTS) == Verdict(DeliveryStatus.FAILED, held_until_ms=AT_MS + MINUTE_MS)
    assert verdict(BROKEN).held_until_ms is None
