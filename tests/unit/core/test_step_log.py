"""Every workflow step leaves one log line."""

from __future__ import annotations

import logging

import pytest

from promptmill.errors import ProviderThrottled
from promptmill.step_log import logged_step


def test_a_step_that_ends_well_is_logged_with_its_facts(caplog: pytest.LogCaptureFixture) -> None:
    with logged_step("InvokeBedrock", job_id="job_1", model="nova-lite"):
        pass
    (line,) = caplog.records
    facts = {name: getattr(line, name) for name in ("step", "job_id", "model", "outcome")}
    assert (line.levelno, line.getMessage()) == (logging.INFO, "step")
    assert facts == {"step": "InvokeBedrock", "job_id": "job_1", "model": "nova-lite", "outcome": "done"}
    assert line.__dict__["duration_ms"] >= 0


def test_what_a_step_learns_on_its_way_is_on_its_line(caplog: pytest.LogCaptureFixture) -> None:
    with logged_step("SweepJob", job_id="job_1") as note:
        note(correlation_id="req-1")
    (line,) = caplog.records
    assert (line.__dict__["job_id"], line.__dict__["correlation_id"]) == ("job_1", "req-1")


def test_a_step_that_fails_is_logged_with_the_name_of_its_error_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ProviderThrottled), logged_step("InvokeBedrock", job_id="job_1"):
        raise ProviderThrottled("what the provider said")
    (line,) = caplog.records
    assert line.__dict__["outcome"] == "ProviderThrottled"
    assert "what the provider said" not in str(line.__dict__)
