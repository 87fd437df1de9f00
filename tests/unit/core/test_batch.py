"""A batch of messages: each has an outcome of its own."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from promptmill.batch import each_message
from promptmill.errors import StoreUnavailable


def a_batch(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"message of {body}", "body": body} for body in bodies]}


def refuse(body: str) -> None:
    if body == "b":
        raise StoreUnavailable("a name that is for nobody")
    if body == "c":
        raise KeyError("metadata")


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
    with caplog.at_level(logging.INFO, logger="promptmill"):
        each_message(a_batch("a", "b"), "FanOutEvent", refuse)
    (line,) = caplog.records
    found = {name: vars(line)[name] for name in ("work", "error", "message_id")}
    assert found == {"work": "FanOutEvent", "error": "StoreUnavailable", "message_id": "message of b"}
    assert "nobody" not in line.getMessage()
