"""A job as its owner sees it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptmill.clock import timestamp
from promptmill.error_codes import error_classes
from promptmill.jobs.model import Job, JobStatus
from promptmill.jobs.reading import public_job
from tests.support.builders import (
    AT,
    AT_MS,
    BASE_URL,
    COST,
    DAY_MS,
    OWNER,
    PROMPT,
    TEXT_RESULT,
    TEXT_USAGE,
    a_job,
    an_image_entry,
)

LINKS_END = "2026-11-21T10:15:00.000Z"


def link(key: str) -> str:
    return f"https://artifacts.example.com/{key}?signature=1"


def public(job: Job) -> dict[str, Any]:
    return public_job(job, base_url=BASE_URL, link=link, link_expires_at=LINKS_END)


def test_a_new_job_is_shown_whole() -> None:
    job = a_job(metadata={"order": "7"})
    assert public(job) == {
        "id": job.id,
        "object": "job",
        "kind": "enhance",
        "status": "queued",
        "owner": OWNER,
        "created_at": AT,
        "started_at": None,
        "finished_at": None,
        "expires_at": timestamp(AT_MS + 90 * DAY_MS),
        "deadline_at": timestamp(AT_MS + 300_000),
        "input": {"prompt": PROMPT},
        "progress": {"step": "CheckRate", "completed": 0, "total": 5},
        "result": None,
        "error": None,
        "usage": None,
        "cost": None,
        "metadata": {"order": "7"},
        "replay_of": None,
        "replay_mode": None,
        "links": {
            "self": f"{BASE_URL}/v1/jobs/{job.id}",
            "cancel": f"{BASE_URL}/v1/jobs/{job.id}/cancel",
            "replay": f"{BASE_URL}/v1/jobs/{job.id}/replay",
            "events": f"{BASE_URL}/v1/jobs/{job.id}/events",
            "execution": f"{BASE_URL}/v1/jobs/{job.id}/execution",
        },
    }


def test_a_job_that_succeeded_shows_result_usage_and_cost() -> None:
    shown = public(a_job("succeeded"))
    assert (shown["result"], shown["usage"], shown["cost"]) == (TEXT_RESULT, TEXT_USAGE, COST)
    assert shown["error"] is None


@pytest.mark.parametrize("status", [status for status in JobStatus if status is not JobStatus.SUCCEEDED])
def test_a_result_counts_only_once_the_status_says_so(status: JobStatus) -> None:
    shown = public(a_job(status, result=TEXT_RESULT, usage=TEXT_USAGE, cost=COST))
    assert (shown["result"], shown["usage"]) == (None, None)
    assert TEXT_RESULT["text"] not in json.dumps(shown)


@pytest.mark.parametrize("status", list(JobStatus))
def test_what_was_paid_is_shown_whatever_became_of_the_job(status: JobStatus) -> None:
    assert public(a_job(status, cost=COST))["cost"] == COST


@pytest.mark.parametrize(
    ("status", "step", "completed"),
    [
        ("queued", None, 0),
        ("running", "AssemblePrompt", 1),
        ("running", "InvokeBedrock", 2),
        ("running", "InvokeFlux", 2),
        ("running", "EnhanceByRules", 2),
        ("running", "ReplayRecorded", 2),
        ("failed", "InvokeBedrock", 2),
        ("rejected", None, 0),
        ("canceled", "AssemblePrompt", 1),
        ("expired", "InvokeFlux", 2),
    ],
)
def test_progress_is_the_step_and_how_many_are_behind_it(status: str, step: str | None, completed: int) -> None:
    assert public(a_job(status, step=step))["progress"] == {
        "step": step or "CheckRate",
        "completed": completed,
        "total": 5,
    }


def test_a_job_with_its_result_is_about_to_be_settled() -> None:
    shown = public(a_job("running", step="InvokeBedrock", result=TEXT_RESULT))
    assert shown["progress"] == {"step": "PersistResult", "completed": 3, "total": 5}


def test_a_job_that_succeeded_has_every_step_behind_it() -> None:
    assert public(a_job("succeeded"))["progress"] == {"step": None, "completed": 5, "total": 5}


@pytest.mark.parametrize("name", sorted(set(error_classes()) - {"PromptmillError"}))
def test_an_error_is_its_code_its_step_and_words_for_people(name: str) -> None:
    cls = error_classes()[name]
    shown = public(a_job("failed", error={"code": cls.code, "step": "InvokeBedrock"}))
    assert shown["error"] == {
        "code": cls.code,
        "step": "InvokeBedrock",
        "detail": cls.__doc__,
        "retryable": cls.retryable,
    }


@pytest.mark.parametrize("code", ["internal_error", "a_code_of_tomorrow"])
def test_an_error_without_words_of_its_own_is_called_internal(code: str) -> None:
    shown = public(a_job("failed", error={"code": code}))
    assert shown["error"] == {
        "code": code,
        "step": None,
        "detail": "The job could not be finished because of an internal error.",
        "retryable": True,
    }


def test_images_get_their_links_when_they_are_read_and_their_keys_are_never_shown() -> None:
    entries = [
        an_image_entry(key=f"artifacts/{OWNER}/job_x/{name}.png", seed=seed) for name, seed in (("a", 7), ("b", 8))
    ]
    shown = public(a_job("succeeded", kind="image", result={"images": entries}))
    assert shown["result"] == {
        "images": [
            {
                **{name: value for name, value in entry.items() if name != "key"},
                "url": link(entry["key"]),
                "url_expires_at": LINKS_END,
            }
            for entry in entries
        ]
    }
    assert all("key" not in image for image in shown["result"]["images"])


def test_no_links_are_made_for_images_that_may_not_be_read_yet() -> None:
    def never(key: str) -> str:
        raise AssertionError(f"a link to {key} was made")

    job = a_job("running", kind="image", result={"images": [an_image_entry()]})
    shown = public_job(job, base_url=BASE_URL, link=never, link_expires_at=LINKS_END)
    assert "artifacts/" not in json.dumps(shown)


def test_reading_a_job_changes_nothing_of_it() -> None:
    job = a_job("succeeded", kind="image", result={"images": [an_image_entry()]})
    before = json.dumps(job.result)
    public(job)
    assert json.dumps(job.result) == before
