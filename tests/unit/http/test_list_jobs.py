"""GET /v1/jobs."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill import errors
from promptmill.clock import new_id, timestamp
from promptmill.http.list_routes import DESCRIPTION, shown_jobs
from promptmill.jobs.listing.query import JobFilter
from promptmill.jobs.listing.store import EXAMINED
from promptmill.jobs.model import KINDS, Job, JobStatus
from promptmill.paging import Page
from tests.support.builders import AT, AT_MS, OTHER_OWNER, a_job, an_image_entry
from tests.unit.http.calls import BASE_URL, ORIGINS, OWNER, USER, Api, an_event
from tests.unit.jobs.fakes import MemoryJobListing, MemoryJobStore

if TYPE_CHECKING:
    from tests.unit.http.calls import Reply

LASTING = 2**33
STATUSES = list(JobStatus)


def add(api: Api, *, at_ms: int = AT_MS, status: str = "queued", **fields: Any) -> Job:
    defaults = {"id": new_id("job", at_ms), "created_at": timestamp(at_ms), "owner": OWNER}
    job = a_job(status, **{**defaults, "expires_at_seconds": LASTING, **fields})
    api.jobs.add(job)
    return job


def listed(api: Api, **query: str) -> Any:
    answer = api.get("/v1/jobs", query={name: [value] for name, value in query.items()})
    assert answer.status == 200, answer.text
    return answer.json


def ids(page: Any) -> list[str]:
    return [job["id"] for job in page["data"]]


def walked(api: Api, **query: str) -> list[str]:
    """The ids on all pages, in their order."""
    page = listed(api, **query)
    found = ids(page)
    while page["has_more"]:
        page = listed(api, **query, cursor=page["next_cursor"])
        found += ids(page)
    assert page["next_cursor"] is None
    return found


def test_who_has_no_jobs_gets_an_empty_list() -> None:
    assert listed(Api()) == {"object": "list", "data": [], "has_more": False, "next_cursor": None}


def test_jobs_are_listed_newest_first_each_as_reading_it_gives_it() -> None:
    api = Api()
    jobs = [add(api, at_ms=AT_MS + n, status=status) for n, status in enumerate(STATUSES)]
    page = listed(api)
    assert ids(page) == [job.id for job in reversed(jobs)]
    assert page["data"] == [api.get(f"/v1/jobs/{job.id}").json for job in reversed(jobs)]
    assert page["data"][0]["links"]["self"] == f"{BASE_URL}/v1/jobs/{jobs[-1].id}"


def test_images_are_listed_with_links_made_for_this_answer() -> None:
    api = Api()
    add(api, status="succeeded", kind="image", result={"images": [an_image_entry(key="artifacts/o/j/i.png")]})
    (image,) = listed(api)["data"][0]["result"]["images"]
    assert image["url"] == api.artifacts.link("artifacts/o/j/i.png")
    assert "key" not in image


def test_another_owners_jobs_are_not_listed() -> None:
    api = Api()
    add(api, owner=OTHER_OWNER)
    mine = add(api)
    add(api, owner=OTHER_OWNER)
    assert ids(listed(api)) == [mine.id]


def test_twenty_jobs_are_a_page_unless_asked_otherwise() -> None:
    api = Api()
    jobs = [add(api, at_ms=AT_MS + n) for n in range(25)]
    newest_first = [job.id for job in reversed(jobs)]
    assert ids(listed(api)) == newest_first[:20]
    assert ids(listed(api, limit="3")) == newest_first[:3]
    assert ids(listed(api, limit="100")) == newest_first


@pytest.mark.parametrize(("count", "has_more"), [(1, False), (2, False), (3, True)])
def test_there_is_more_only_behind_a_page_that_is_not_the_last(count: int, *, has_more: bool) -> None:
    api = Api()
    for number in range(count):
        add(api, at_ms=AT_MS + number)
    page = listed(api, limit="2")
    assert (page["has_more"], page["next_cursor"] is not None) == (has_more, has_more)


def test_filters_are_all_to_be_met() -> None:
    api = Api()
    jobs = {
        (status, kind, n): add(api, at_ms=AT_MS + n, status=status, kind=kind).id
        for n in range(3)
        for status in ("queued", "failed")
        for kind in KINDS
    }

    def wanted(status: str | None, kind: str | None, n: int) -> set[str]:
        return {
            job_id
            for (its_status, its_kind, its_n), job_id in jobs.items()
            if status in {None, its_status} and kind in {None, its_kind} and its_n > n
        }

    assert set(ids(listed(api, status="failed"))) == wanted("failed", None, -1)
    assert set(ids(listed(api, kind="image"))) == wanted(None, "image", -1)
    assert set(ids(listed(api, created_after=AT))) == wanted(None, None, 0)
    both = listed(api, status="failed", kind="image", created_after=timestamp(AT_MS + 1))
    assert set(ids(both)) == wanted("failed", "image", 1)


def test_a_page_that_examined_its_share_may_be_empty_and_leads_on() -> None:
    jobs = MemoryJobStore()
    api = Api(jobs=jobs, listing=MemoryJobListing(jobs, examined=2))
    oldest = add(api, status="failed")
    for number in range(1, 5):
        add(api, at_ms=AT_MS + number)
    page = listed(api, status="failed")
    assert (page["data"], page["has_more"]) == ([], True)
    assert walked(api, status="failed") == [oldest.id]


def test_the_document_says_how_much_a_page_examines() -> None:
    assert f"no more than {EXAMINED} jobs" in DESCRIPTION


made = st.tuples(
    st.integers(0, 6), st.sampled_from(["queued", "failed", "succeeded"]), st.sampled_from(KINDS), st.booleans()
)


@given(
    stored=st.lists(made, max_size=25),
    limit=st.integers(1, 8),
    status=st.none() | st.sampled_from(["queued", "failed"]),
    kind=st.none() | st.sampled_from(KINDS),
    after=st.none() | st.integers(-1, 6),
    examined=st.integers(1, 9),
)
def test_walking_the_pages_gives_each_matching_job_once_newest_first_whatever_is_added_meanwhile(
    stored: list[tuple[int, str, str, bool]],
    limit: int,
    status: str | None,
    kind: str | None,
    after: int | None,
    examined: int,
) -> None:
    jobs = MemoryJobStore()
    api = Api(jobs=jobs, listing=MemoryJobListing(jobs, examined=examined))
    there = [
        add(api, at_ms=AT_MS + n, status=its_status, kind=its_kind, owner=OWNER if mine else OTHER_OWNER)
        for n, its_status, its_kind, mine in stored
    ]
    asked = {"status": status, "kind": kind, "created_after": None if after is None else timestamp(AT_MS + after)}
    query = {name: value for name, value in asked.items() if value is not None}
    found: list[Any] = []
    cursor = ""
    while True:
        sizes = {"limit": str(limit if len(found) % 2 else limit + 1)}
        page = listed(api, **query, **sizes, **({"cursor": cursor} if cursor else {}))
        assert len(page["data"]) <= int(sizes["limit"])
        found += page["data"]
        if not page["has_more"]:
            break
        cursor = page["next_cursor"]
        add(api, at_ms=AT_MS + 100, status=status or "queued", kind=kind or "enhance")
    assert all(newer["id"] > older["id"] for newer, older in pairwise(found))
    assert {job["id"] for job in found} == {
        job.id
        for (n, its_status, its_kind, mine), job in zip(stored, there, strict=True)
        if mine and status in {None, its_status} and kind in {None, its_kind} and (after is None or n > after)
    }


class NeverAsked(MemoryJobListing):
    def page(
        self, owner: str, job_filter: JobFilter, *, limit: int, after: str | None = None, at_ms: int | None = None
    ) -> Page[Job]:
        raise AssertionError("the store was asked")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"status": ["done"]}, "status must be one of"),
        ({"kind": ["chat"]}, "kind must be one of"),
        ({"created_after": ["yesterday"]}, "created_after must be"),
        ({"limit": ["0"]}, "limit must be"),
        ({"limit": ["1", "2"]}, "limit must be given once"),
        ({"cursor": ["x" * 257]}, "cursor must not be longer"),
        ({"cursor": [""]}, "cursor must be the next_cursor"),
        ({"cursor": ["x"]}, "cursor must be the next_cursor"),
        ({"stauts": ["failed"]}, "The parameters are status, kind, created_after, owner, limit and cursor"),
        ({"owner": ["usr_1"]}, "owner must be"),
        ({"owner": [f"usr_{'7' * 32}x"]}, "owner must not be longer"),
    ],
)
def test_a_parameter_that_breaks_a_rule_is_a_400_and_asks_nobody(query: dict[str, list[str]], words: str) -> None:
    answer = Api(listing=NeverAsked(MemoryJobStore())).get("/v1/jobs", query=query)
    assert (answer.status, answer.json["code"], answer.json["retryable"]) == (400, "invalid_parameter", False)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["detail"].startswith(words)
    assert "yesterday" not in answer.text


def with_cursor(api: Api, **query: str) -> tuple[str, Reply]:
    """A cursor of one list, and the answer to a page of another behind it."""
    for number in range(3):
        add(api, at_ms=AT_MS + number)
        add(api, at_ms=AT_MS + number, owner=OTHER_OWNER)
    cursor = listed(api, limit="1")["next_cursor"]
    sent = {name: [value] for name, value in query.items()}
    return cursor, api.get("/v1/jobs", query={"cursor": [cursor], **sent})


def test_a_cursor_leads_on_with_another_limit() -> None:
    _, answer = with_cursor(Api(), limit="2")
    assert (answer.status, len(answer.json["data"])) == (200, 2)


@pytest.mark.parametrize("query", [{"status": "queued"}, {"kind": "enhance"}, {"created_after": AT}])
def test_a_cursor_of_another_list_is_a_400(query: dict[str, str]) -> None:
    _, answer = with_cursor(Api(), **query)
    assert (answer.status, answer.json["code"]) == (400, "invalid_parameter")


def test_another_callers_cursor_is_a_400() -> None:
    api = Api()
    cursor, answer = with_cursor(api)
    assert answer.status == 200
    event = an_event("GET", "/v1/jobs", query={"cursor": [cursor]}, caller=replace(USER, owner="usr_another"))
    assert (api.read(event).status, api.read(event).json["code"]) == (400, "invalid_parameter")


def test_the_list_is_kept_by_nobody_but_its_caller_who_asks_each_time() -> None:
    answer = Api().get("/v1/jobs", headers={"Origin": ORIGINS[0]})
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["access-control-allow-origin"] == ORIGINS[0]


class Down(MemoryJobListing):
    def page(
        self, owner: str, job_filter: JobFilter, *, limit: int, after: str | None = None, at_ms: int | None = None
    ) -> Page[Job]:
        raise errors.StoreUnavailable


def test_a_store_that_does_not_answer_is_a_503() -> None:
    answer = Api(listing=Down(MemoryJobStore())).get("/v1/jobs")
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "store_unavailable", "2")


def test_a_page_ends_where_an_answer_of_a_function_would() -> None:
    jobs = tuple(a_job(owner=OWNER) for _ in range(4))
    page = Page(jobs, position=None)
    entry = {"text": '"\u65e5' * 100}
    # Two quotes around each, and what ASCII and a second layer of JSON make of the rest.
    size = len(json.dumps(json.dumps({"id": jobs[0].id, **entry}, ensure_ascii=False)))
    for fits in range(1, 5):
        shown, position = shown_jobs(page, lambda job: {"id": job.id, **entry}, max_bytes=size * fits)
        assert [one["id"] for one in shown] == [job.id for job in jobs[:fits]]
        assert position == (jobs[fits - 1].id if fits < 4 else None)


def test_a_job_larger_than_a_page_is_a_page_of_its_own() -> None:
    jobs = (a_job(), a_job())
    shown, position = shown_jobs(Page(jobs, position="job_x"), lambda job: {"id": job.id}, max_bytes=1)
    assert (shown, position) == ([{"id": jobs[0].id}], jobs[0].id)
