"""``jobs ls``, ``jobs show`` and ``jobs follow``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from operations.jobs import changes
from promptmill.errors import StoreUnavailable
from promptmill.jobs.model import Job, JobStatus
from tests.support.builders import AT, PROMPT, TEXT_RESULT, a_call, a_job, a_job_id, an_image_entry
from tests.unit.operations.stage import Stage


def test_people_are_shown_the_jobs_that_were_asked_for() -> None:
    stage = Stage()
    job = stage.has("succeeded", execution="SUCCEEDED")
    stage.has("failed", execution="FAILED")
    result = stage.run("jobs", "ls", "--status", "succeeded")
    heading, line = result.stdout.splitlines()
    assert heading.split()[:3] == ["ID", "STATUS", "KIND"]
    assert line.split() == [job.id, "succeeded", "enhance", AT, "nova-2-lite", "0.000412", "-", job.owner]


def test_programs_are_given_no_content_either() -> None:
    stage = Stage()
    job = stage.has("failed", execution="FAILED", replay_of=a_job_id())
    result = stage.run("jobs", "ls", "--json")
    assert PROMPT not in result.stdout
    (listed,) = map(json.loads, result.stdout.splitlines())
    assert listed == {
        "id": job.id,
        "status": "failed",
        "kind": "enhance",
        "owner": job.owner,
        "model": None,
        "created_at": AT,
        "started_at": None,
        "finished_at": job.finished_at,
        "step": "CheckRate",
        "cost_usd": "0",
        "error": "provider_error",
        "replay_of": job.replay_of,
    }


def test_no_more_jobs_are_listed_than_were_asked_for() -> None:
    stage = Stage()
    for _ in range(25):
        stage.has()
    assert len(stage.results("jobs", "ls")) == 20
    assert len(stage.results("jobs", "ls", "--limit", "3")) == 3


def test_that_there_are_no_such_jobs_is_no_failure() -> None:
    result = Stage().run("jobs", "ls")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No such jobs.\n")


def test_a_job_is_shown_with_its_account_and_its_ledger_and_without_its_content() -> None:
    stage = Stage()
    job = stage.has("succeeded", execution="SUCCEEDED")
    stage.jobs.calls[job.id, 1] = a_call(1, "succeeded", provider_request_id="req-bedrock-1")
    result = stage.run("jobs", "show", job.id)
    assert PROMPT not in result.stdout
    assert TEXT_RESULT["text"] not in result.stdout
    (shown,) = stage.results("jobs", "show", job.id)
    assert shown["cost"] == job.cost
    assert shown["links"]["self"] == job.self_url
    assert shown["reservation"] == {"day": AT[:10], "usd": "1", "images": 0}
    assert {"input", "result"}.isdisjoint(shown)
    (call,) = shown["calls"]
    assert (call["model"], call["cost_usd"], call["upper_bound_usd"]) == ("nova-2-lite", "0.002", "0.01")
    assert call["provider_request_id"] == "req-bedrock-1"


def test_the_content_of_a_job_is_shown_when_that_is_asked_for() -> None:
    stage = Stage()
    text = stage.has("succeeded", execution="SUCCEEDED")
    image = stage.has("succeeded", kind="image", execution="SUCCEEDED", result={"images": [an_image_entry()]})
    assert PROMPT in stage.run("jobs", "show", text.id, "--content").stdout
    (shown,) = stage.results("jobs", "show", text.id, "--content")
    assert (shown["input"], shown["result"]) == (text.input, TEXT_RESULT)
    (shown,) = stage.results("jobs", "show", image.id, "--content")
    (picture,) = shown["result"]["images"]
    assert picture["url"] == stage.deployment.artifacts.link(an_image_entry()["key"])


@pytest.mark.parametrize("command", [["jobs", "show"], ["jobs", "follow"], ["executions", "show"]])
def test_a_job_nobody_has_ends_with_1(command: list[str]) -> None:
    result = Stage().run(*command, a_job_id())
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: There is no such job.\n")


@pytest.mark.parametrize(
    ("status", "code", "line"),
    [
        ("succeeded", 0, "succeeded\n"),
        ("failed", 1, "failed     CheckRate  provider_error\n"),
        ("canceled", 1, "canceled   CheckRate  provider_error\n"),
    ],
)
def test_following_a_job_that_is_over_ends_with_how_it_ended(status: str, code: int, line: str) -> None:
    stage = Stage()
    job = stage.has(status, execution="SUCCEEDED")
    result = stage.run("jobs", "follow", job.id)
    assert (result.exit_code, result.stdout) == (code, line)
    told = stage.run("jobs", "follow", job.id, "--json")
    assert (told.exit_code, json.loads(told.stdout)["status"]) == (code, status)


def in_turn(*jobs: Job) -> Callable[[], Job]:
    left = list(jobs)
    return lambda: left.pop(0)


def test_each_status_and_step_a_job_gets_to_is_told_once() -> None:
    queued = a_job()
    running = replace(queued, status=JobStatus.RUNNING, step="AssemblePrompt")
    calling = replace(running, step="InvokeBedrock")
    done = replace(calling, status=JobStatus.SUCCEEDED)
    rests: list[float] = []
    read = in_turn(queued, queued, running, calling, calling, calling, done)
    assert list(changes(read, rest=rests.append)) == [queued, running, calling, done]
    assert len(rests) == 6
    assert min(rests) > 0


def test_a_store_that_does_not_answer_ends_the_following() -> None:
    def read() -> Job:
        raise StoreUnavailable

    with pytest.raises(StoreUnavailable):
        list(changes(read, rest=lambda _: None))
