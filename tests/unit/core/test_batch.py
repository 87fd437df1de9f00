"""A batch of messages: each has an outcome of its own."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from promptmill.batch import each_message
from promptmill.errors import StoreUnavailable
from tests.support.deliveries import an_event, on_the_bus

EVENT = an_event()
ATTEMPT = json.dumps({"webhook_id": "whk_1", "delivery_id": EVENT.id})


def a_batch(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"message of {body}", "body": body} for body in bodies]}


def refuse(body: str) -> None:
    if body == "b":
        raise StoreUnavailable("a name that is for nobody")
    if body == "c":
        raise KeyError("metadata")


def given_up(caplog: pytest.LogCaptureFixture, body: str) -> logging.LogRecord:
    """The one line about a message that could not be handled."""

    def fail(_: str) -> None:
        raise StoreUnavailable("a name that is for nobody")

    with caplog.at_level(logging.INFO, logger="promptmill"):
        each_message(a_batch(body), "FanOutEvent", fail)
    (line,) = caplog.records
    return line


def test_only_what_failed_is_kept_by_the_queue() -> None:
    handled: list[str] = []

    def handle(body: str) -> None:
        refuse(body)
        handled.append(body)

    kept = each_message(a_batch("a", "b", "c", "d"), "FanOutEvent", handle)
    assert kept == {"batchItemFailures": [{"itemIdentifier": "message of b"}, {"itemIdentifier": "message of c"}]}
    assert handled == ["a", "d"]


def test_a_batch_without_failures_keeps_nothing() -> None:
    assert each_message(a_batch("a", "d"), "FanOutEvent", refuse) == {"batchItemFailures": []}


def test_what_failed_is_in_the_log_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    line = given_up(caplog, "b")
    found = {name: vars(line)[name] for name in ("work", "error", "message_id")}
    assert found == {"work": "FanOutEvent", "error": "StoreUnavailable", "message_id": "message of b"}
    assert "nobody" not in line.getMessage()


@pytest.mark.parametrize(
    ("body", "event_id", "correlation_id"),
    [
        pytest.param(on_the_bus(EVENT), EVENT.id, EVENT.metadata["correlation_id"], id="an event"),
        pytest.param(ATTEMPT, EVENT.id, None, id="a request for an attempt"),
        pytest.param('{"detail":{"metadata":{"id":"evt_1"}}}', "evt_1", None, id="an event of no request"),
        pytest.param('{"detail":{"metadata":{"correlation_id":"req-1"}}}', None, "req-1", id="an event without an id"),
        pytest.param('{"detail":{"metadata":{"id":"a text","correlation_id":7}}}', None, None, id="no ids"),
        pytest.param('{"detail":{"metadata":"evt_1"}}', None, None, id="no metadata"),
        pytest.param('["delivery_id"]', None, None, id="no object"),
        pytest.param("not an event", None, None, id="no JSON"),
        pytest.param("[" * 100_000, None, None, id="a depth that is not read"),
    ],
)
def test_what_failed_says_which_event_it_is_about_and_which_request_made_that(
    caplog: pytest.LogCaptureFixture, body: str, event_id: str | None, correlation_id: str | None
) -> None:
    line = vars(given_up(caplog, body))
    assert (line["event_id"], line["correlation_id"]) == (event_id, correlation_id)
