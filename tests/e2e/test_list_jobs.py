"""GET /v1/jobs over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from local.stack import Stack
from promptmill.http.schemas import JobList, Problem
from tests.support.api import Api, new_address

PROMPT = "Explain to a new colleague how our library lends its books."


def listed(api: Api, **query: Any) -> JobList:
    answer = api.http.get("/v1/jobs", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "private, no-cache"
    return JobList.model_validate_json(answer.text)


def ids(page: JobList) -> list[str]:
    return [job.id for job in page.data]


@pytest.fixture(scope="module")
def caller(stack: Stack) -> Iterator[Api]:
    """A caller with three finished texts and one picture, the newest."""
    with Api(stack, new_address()) as api:
        jobs = [api.submit(kind="enhance", prompt=f"{PROMPT} {number}") for number in range(3)]
        jobs.append(api.submit(kind="image", prompt="A library at night", width=256, height=256))
        for job in jobs:
            api.finished(job["id"])
        yield api


@pytest.fixture(scope="module")
def jobs(caller: Api) -> list[dict[str, Any]]:
    """The caller's jobs as reading each gives it, newest first."""
    return [caller.read(job.id) for job in listed(caller).data]


def test_a_caller_sees_their_jobs_newest_first_each_as_reading_it_gives_it(
    caller: Api, jobs: list[dict[str, Any]]
) -> None:
    answer = caller.http.get("/v1/jobs").json()
    assert [job["kind"] for job in jobs] == ["image", "enhance", "enhance", "enhance"]
    assert [job["created_at"] for job in jobs] == sorted((job["created_at"] for job in jobs), reverse=True)
    assert [_without_links(job) for job in answer["data"]] == [_without_links(job) for job in jobs]
    assert (answer["has_more"], answer["next_cursor"]) == (False, None)
    link = answer["data"][0]["result"]["images"][0]["url"]
    assert caller.http.get(link).headers["content-type"] == "image/png"


def _without_links(job: dict[str, Any]) -> dict[str, Any]:
    """A job without what is made anew for every answer."""
    if job["kind"] != "image":
        return job
    images = [{name: value for name, value in i.items() if not name.startswith("url")} for i in job["result"]["images"]]
    return {**job, "result": {"images": images}}


def test_pages_lead_through_the_whole_list(caller: Api, jobs: list[dict[str, Any]]) -> None:
    first = listed(caller, limit=3)
    assert first.has_more
    last = listed(caller, limit=3, cursor=first.next_cursor)
    assert not last.has_more
    assert not listed(caller, limit=4).has_more
    assert [*ids(first), *ids(last)] == [job["id"] for job in jobs]


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ({"kind": "image"}, [0]),
        ({"kind": "enhance"}, [1, 2, 3]),
        ({"status": "succeeded"}, [0, 1, 2, 3]),
        ({"status": "failed"}, []),
        ({"status": "succeeded", "kind": "enhance", "limit": 2}, [1, 2]),
    ],
)
def test_a_filter_leaves_what_matches(
    caller: Api, jobs: list[dict[str, Any]], query: dict[str, Any], places: list[int]
) -> None:
    assert ids(listed(caller, **query)) == [jobs[place]["id"] for place in places]


@pytest.mark.parametrize("zone", ["Z", "+00:00"])
def test_created_after_leaves_what_is_newer(caller: Api, jobs: list[dict[str, Any]], zone: str) -> None:
    oldest = jobs[3]["created_at"].replace("Z", zone)
    assert ids(listed(caller, created_after=oldest)) == [job["id"] for job in jobs[:3]]


def test_another_caller_sees_none_of_them(other_api: Api, caller: Api) -> None:
    assert listed(other_api) == JobList(object="list", data=[], has_more=False, next_cursor=None)


def test_a_cursor_is_good_for_its_caller_and_its_list_only(caller: Api, other_api: Api) -> None:
    cursor = listed(caller, limit=1).next_cursor
    assert cursor is not None
    changed = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    assert len(listed(caller, cursor=cursor).data) == 3
    refused = [
        other_api.http.get("/v1/jobs", params={"cursor": cursor}),
        caller.http.get("/v1/jobs", params={"cursor": cursor, "kind": "image"}),
        caller.http.get("/v1/jobs", params={"cursor": changed}),
    ]
    for answer in refused:
        assert answer.status_code == 400
        assert Problem.model_validate_json(answer.text).detail.startswith("cursor must be the next_cursor")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("status=done", "status"),
        ("kind=chat", "kind"),
        ("kind=", "kind"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=1&limit=2", "limit"),
        ("created_after=2026-11-21", "created_after"),
        ("created_after=2026-11-21T10:00:00+01:00", "created_after"),
        ("cursor=nothing", "cursor"),
        (f"cursor={'x' * 300}", "cursor"),
        ("stauts=failed", "The parameters are"),
    ],
)
def test_a_parameter_that_breaks_its_rule_is_named_and_not_repeated(api: Api, query: str, name: str) -> None:
    answer = api.http.get(f"/v1/jobs?{query}")
    assert answer.status_code == 400, answer.text
    problem = Problem.model_validate_json(answer.text)
    assert (problem.code, problem.instance, problem.retryable) == ("invalid_parameter", "/v1/jobs", False)
    assert problem.detail.startswith(name)
    assert "stauts" not in answer.text
