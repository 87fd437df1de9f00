"""Prefer: wait=N, on POST and GET."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.errors import InvalidHeader
from promptmill.http.prefer import wait_seconds
from tests.support.builders import PROMPT, a_job
from tests.unit.http.calls import BASE_URL, OWNER, Api, an_event
from tests.unit.http.test_generate_prompt import EndingStore, ending

if TYPE_CHECKING:
    from tests.unit.http.calls import Reply

BODY = {"kind": "enhance", "prompt": PROMPT}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=1", 1),
        ("wait=25", 25),
        ("Wait = 7", 7),
        ('wait="12"', 12),
        ("wait=3; foo=bar", 3),
        ("respond-async, wait=10", 10),
        ("wait=5, wait=9", 5),
        ("", 0),
        ("respond-async", 0),
        ("waiting=3", 0),
        ("return=minimal; wait=99", 0),
        ('foo="a,wait=99"', 0),
        ('foo="a,\\",wait=99", wait=4', 4),
        ('foo="open, wait=6', 6),
    ],
)
def test_the_first_wait_counts_and_other_preferences_are_ignored(header: str, seconds: int) -> None:
    assert wait_seconds(header) == seconds


@pytest.mark.parametrize(
    "header",
    [
        "wait",
        "wait=",
        "wait=0",
        "wait=26",
        "wait=-1",
        "wait=1.5",
        "wait=ten",
        "wait=\uff11",
        'wait="',
        "wait=1e1",
        "x" * 257,
    ],
)
def test_a_wait_outside_its_limits_is_refused(header: str) -> None:
    with pytest.raises(InvalidHeader):
        wait_seconds(header)


@given(st.text(max_size=300))
def test_any_header_is_a_number_of_seconds_in_the_limits_or_refused(header: str) -> None:
    with contextlib.suppress(InvalidHeader):
        assert 0 <= wait_seconds(header) <= 25


def test_of_two_header_lines_the_first_wait_counts() -> None:
    """As a REST API sends them: all lines in one place, the last of them in another."""
    api, job = Api(), a_job("succeeded", owner=OWNER, expires_at_seconds=2**33)
    api.jobs.add(job)
    event = an_event("GET", f"/v1/jobs/{job.id}", headers={"Prefer": "wait=2"})
    event["multiValueHeaders"] = {"Prefer": ["wait=1", "wait=2"]}
    assert api.read(event).headers["preference-applied"] == "wait=1"


def post(api: Api, prefer: str) -> Reply:
    return api.post("/v1/jobs", BODY, headers={"Prefer": prefer})


def test_a_post_that_waits_long_enough_answers_with_the_finished_job() -> None:
    api = ending("succeeded", at_read=3)
    answer = post(api, "wait=10")
    (job_id,) = api.workflow.started
    assert (answer.status, answer.json["id"], answer.json["status"]) == (200, job_id, "succeeded")
    assert answer.json["result"]["text"]
    assert answer.headers["preference-applied"] == "wait=10"
    assert answer.headers["location"] == f"{BASE_URL}/v1/jobs/{job_id}"
    assert "retry-after" not in answer.headers
    assert answer.headers["ratelimit"].startswith('"anonymous";r=9')


@pytest.mark.parametrize("status", ["failed", "rejected", "expired", "canceled"])
def test_a_job_that_ends_badly_while_waited_for_is_still_the_job(status: str) -> None:
    answer = post(ending(status), "wait=10")
    assert (answer.status, answer.json["status"]) == (200, status)


def test_a_post_whose_wait_is_over_first_is_answered_as_accepted() -> None:
    api = Api(jobs=EndingStore(None))
    started_ms = api.clock()
    answer = post(api, "wait=2")
    assert (answer.status, answer.json["status"]) == (202, "queued")
    assert answer.headers["preference-applied"] == "wait=2"
    assert answer.headers["retry-after"] == "1"
    assert api.clock() - started_ms == 2000


def test_a_post_without_the_preference_does_not_wait() -> None:
    jobs = EndingStore(a_job("succeeded"))
    answer = Api(jobs=jobs).post("/v1/jobs", BODY)
    assert (answer.status, jobs.reads) == (202, 0)
    assert "preference-applied" not in answer.headers


def test_a_refused_preference_leaves_nothing_behind() -> None:
    api = Api()
    answer = post(api, "wait=26")
    assert (answer.status, answer.json["code"]) == (400, "invalid_header")
    assert (api.jobs.jobs, api.workflow.started) == ({}, {})


def waiting_for(status: str, *, at_read: int, prefer: str) -> tuple[Reply, EndingStore]:
    jobs = EndingStore(a_job(status), at_read=at_read)
    job = a_job("running", owner=OWNER, expires_at_seconds=2**33)
    jobs.add(job)
    return Api(jobs=jobs).get(f"/v1/jobs/{job.id}", headers={"Prefer": prefer}), jobs


def test_a_get_that_waits_answers_with_the_end_of_the_job() -> None:
    answer, _ = waiting_for("succeeded", at_read=4, prefer="wait=5")
    assert (answer.status, answer.json["status"]) == (200, "succeeded")
    assert answer.headers["preference-applied"] == "wait=5"


def test_a_get_of_a_job_that_is_over_does_not_wait() -> None:
    answer, jobs = waiting_for("failed", at_read=1, prefer="wait=25")
    assert (answer.json["status"], jobs.reads) == ("failed", 1)


def test_a_get_whose_wait_is_over_first_answers_with_the_job_as_it_is() -> None:
    answer, jobs = waiting_for("succeeded", at_read=1000, prefer="wait=25")
    assert (answer.status, answer.json["status"], answer.headers["retry-after"]) == (200, "running", "1")
    # One read per 200 ms early and one per second later.
    assert jobs.reads < 35
