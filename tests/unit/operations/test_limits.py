"""``limits`` and ``executions``."""

from __future__ import annotations

import json

import pytest

from promptmill.clock import new_id, now_ms, timestamp
from promptmill.limits.spending.reservation import Account
from tests.support.builders import OWNER as ADDRESS
from tests.support.builders import a_call
from tests.unit.execution.histories import two_retries
from tests.unit.operations.stage import USER, Stage

STRANGER = f"usr_{'f' * 32}"


def test_the_limits_that_hold_are_shown_with_what_is_used_of_them() -> None:
    stage = Stage()
    stage.results("limits", "set", USER, "--concurrent-jobs", "7")
    day = timestamp(now_ms())[:10]
    stage.world.spending.days[USER, day] = Account(nanousd=3 * 10**9, spent_nanousd=10**9)
    stage.world.spending.open[USER] = frozenset({"job_b", "job_a"})
    (shown,) = stage.results("limits", "show", USER)
    assert (shown["subject"], shown["plan"], shown["own"]) == (USER, "anonymous", {"concurrent_jobs": 7})
    assert shown["concurrent_jobs"] == {"limit": 7, "used": 2, "remaining": 5}
    assert (shown["daily_usd"]["spent"], shown["daily_usd"]["reserved"]) == ("1", "2")
    assert shown["open_jobs"] == ["job_a", "job_b"]
    assert stage.rates.asked == [(USER, "anonymous")]


def test_an_address_has_the_limits_of_its_plan_and_none_of_its_own() -> None:
    result = Stage().run("limits", "show", ADDRESS)
    assert result.exit_code == 0
    assert ["own", "-"] in [line.split() for line in result.stdout.splitlines()]


def test_who_is_not_there_has_no_limits() -> None:
    for subject in (STRANGER, new_id("key", now_ms())):
        for command in (["show"], ["set", "--burst", "1"], ["set", "--reset"], ["set", "--reset", "--dry-run"]):
            result = Stage().run("limits", *command, subject)
            assert (result.exit_code, result.stderr) == (1, "Error: There is no such user or API key.\n")


def test_limits_are_set_replaced_and_taken_back() -> None:
    stage = Stage()
    (first,) = stage.results("limits", "set", USER, "--requests-per-minute", "60", "--daily-usd", "2.50")
    assert first == {"subject": USER, "before": {}, "after": {"requests_per_minute": 60, "daily_usd": "2.50"}}
    assert json.loads(stage.deployment.overrides.get(USER)) == first["after"]
    (second,) = stage.results("limits", "set", USER, "--images-per-day", "0")
    assert (second["before"], second["after"]) == (first["after"], {"images_per_day": 0})
    result = stage.run("limits", "set", USER, "--reset")
    assert result.stdout == f"{USER} has no limits of its own; it had images_per_day=0.\n"
    assert stage.deployment.overrides.get(USER) == ""
    assert stage.journal.lines == [("limits set", {"subject": USER})] * 3


def test_what_would_be_set_is_said_and_not_done() -> None:
    stage = Stage()
    result = stage.run("limits", "set", USER, "--burst", "3", "--dry-run")
    assert result.stdout == f"{USER} would have burst=3 of its own; it had no limits.\n"
    assert stage.results("limits", "set", USER, "--burst", "3", "--dry-run")[0]["dry_run"] is True
    assert (stage.deployment.overrides.get(USER), stage.journal.lines) == ("", [])


@pytest.mark.parametrize("arguments", [[], ["--reset", "--burst", "3"]])
def test_limits_are_named_or_reset_and_not_both(arguments: list[str]) -> None:
    stage = Stage()
    result = stage.run("limits", "set", USER, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert stage.journal.lines == []


@pytest.mark.parametrize(("option", "value"), [("--burst", "0"), ("--concurrent-jobs", "-1"), ("--daily-usd", "lots")])
def test_a_limit_that_is_none_is_wrong_usage_of_its_option(option: str, value: str) -> None:
    stage = Stage()
    result = stage.run("limits", "set", USER, option, value)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Error: {option} " in result.stderr
    assert stage.journal.lines == []


def test_an_execution_is_shown_with_the_attempts_of_what_was_tried_again() -> None:
    stage = Stage()
    job = stage.has("succeeded", execution="SUCCEEDED")
    stage.histories[job.id] = two_retries("aws")
    stage.jobs.calls[job.id, 1] = a_call(1, "succeeded")
    (told,) = stage.results("executions", "show", job.id)
    assert told["status"] == "SUCCEEDED"
    assert [len(step["attempts"]) for step in told["steps"]] == [0, 3, 0]
    assert told["console_url"].startswith("https://")
    lines = stage.run("executions", "show", job.id).stdout.splitlines()
    steps = [line.split() for line in lines[lines.index("steps") + 2 :]]
    assert [step[0] for step in steps] == [
        *("ChooseProvider", "InvokeBedrock"),
        *("attempt", "attempt", "attempt"),
        "JobSucceeded",
    ]
    assert steps[1][-3:] == ["3", "0.002", "-"]
    assert [step[-1] for step in steps[2:5]] == ["ProviderThrottled", "ProviderThrottled", "-"]


def test_an_execution_that_is_not_there_has_no_steps() -> None:
    stage = Stage()
    (told,) = stage.results("executions", "show", stage.has("queued", execution=None).id)
    assert (told["status"], told["steps"], told["console_url"]) == (None, [], None)
