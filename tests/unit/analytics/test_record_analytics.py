"""The consumer: what it counts, what it reports, and what it leaves in the queue."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from promptmill.analytics.recording import marker_expires_at_seconds
from promptmill.clock import timestamp
from promptmill.errors import StoreUnavailable
from promptmill.settings import settings
from tests.support.builders import AT_MS, DAY_MS
from tests.support.functions import handler
from tests.unit.analytics.fakes import MemoryRollups, a_message, an_outcome


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PROMPTMILL_STAGE", "dev")
    monkeypatch.setenv("PROMPTMILL_JOB_RETENTION_DAYS", "90")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "promptmill")
    settings.cache_clear()
    yield
    settings.cache_clear()


def record(rollups: MemoryRollups, *messages: dict[str, Any]) -> list[str]:
    """The ids of the messages that go back to the queue."""
    answer = handler("record_analytics")({"Records": list(messages)}, None, rollups=rollups, at_ms=AT_MS)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def metric_lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_event_is_counted_once_and_reported_once(capsys: pytest.CaptureFixture[str]) -> None:
    rollups, message = MemoryRollups(), a_message(an_outcome())
    assert record(rollups, message, message) == []
    assert record(rollups, message) == []
    assert len(rollups.jobs) == 1
    (line,) = metric_lines(capsys)
    assert (line["JobsFinished"], line["kind"], line["model"], line["outcome"]) == (
        [1.0], "enhance", "nova-2-lite", "succeeded",
    )  # fmt: skip
    assert (line["JobDuration"], line["JobCostUsd"]) == ([900.0], [0.000412])


def test_what_is_wrong_with_one_event_fails_that_event_alone(capsys: pytest.CaptureFixture[str]) -> None:
    rollups = MemoryRollups(StoreUnavailable(), None, RuntimeError("a bug"), None)
    messages = [a_message(an_outcome(), message_id=f"m-{number}") for number in range(4)]
    malformed = [a_message({"metadata": {}}, message_id="m-4"), {"messageId": "m-5", "body": "{"}]
    assert record(rollups, *messages, *malformed) == ["m-0", "m-2", "m-4", "m-5"]
    assert len(rollups.jobs) == len(metric_lines(capsys)) == 2


@pytest.mark.parametrize("body", ["[]", "7", "null", '"text"', "{}", '{"detail": []}'])
def test_a_message_without_an_event_goes_back(body: str) -> None:
    assert record(MemoryRollups(), {"messageId": "m-1", "body": body}) == ["m-1"]


def test_a_replayed_event_is_counted_and_not_reported_again(capsys: pytest.CaptureFixture[str]) -> None:
    rollups = MemoryRollups()
    assert record(rollups, a_message(an_outcome(), replayed=True)) == []
    assert len(rollups.jobs) == 1
    assert metric_lines(capsys) == []


def test_that_an_event_was_counted_is_known_longer_than_the_archive_and_the_dead_letters_have_it() -> None:
    rollups = MemoryRollups()
    record(rollups, a_message(an_outcome()))
    assert list(rollups.counted_at.values()) == [(AT_MS, 90)]
    expires_at = marker_expires_at_seconds(at_ms=AT_MS, retention_days=90)
    assert timestamp(expires_at * 1000) == timestamp(AT_MS + 120 * DAY_MS)


def test_every_event_has_a_line_with_its_id_and_the_request_it_came_from(caplog: pytest.LogCaptureFixture) -> None:
    detail = an_outcome()
    with caplog.at_level(logging.INFO, logger="promptmill"):
        record(MemoryRollups(), a_message(detail), a_message({}, message_id="m-2"))
    line, given_up = caplog.records
    assert (line.__dict__["event_id"], line.__dict__["correlation_id"], line.__dict__["outcome"]) == (
        detail["metadata"]["id"], detail["metadata"]["correlation_id"], "done",
    )  # fmt: skip
    assert (given_up.__dict__["message_id"], given_up.__dict__["error"]) == ("m-2", "BrokenContractError")
