"""Waiting for a job in the request itself, and not sending again what the caller has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from tests.support.api import Api

ENHANCE = {"kind": "enhance", "prompt": "write a short guide to pruning apple trees"}


def test_a_post_that_waits_is_answered_with_the_finished_job(api: Api) -> None:
    answer = api.http.post("/v1/jobs", json=ENHANCE, headers={"Prefer": "wait=20"})
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert answer.headers["preference-applied"] == "wait=20"
    assert answer.json() == api.read(answer.json()["id"])


def test_the_links_in_the_answer_to_a_post_that_waited_work(api: Api) -> None:
    body = {"kind": "image", "prompt": "a lighthouse", "width": 256, "height": 256}
    answer = api.http.post("/v1/jobs", json=body, headers={"Prefer": "wait=20"})
    assert answer.status_code == 200, answer.text
    (image,) = answer.json()["result"]["images"]
    assert httpx.get(image["url"]).content.startswith(b"\x89PNG")


def test_a_get_that_waits_sees_the_end_of_the_job(api: Api) -> None:
    job = api.submit(**ENHANCE)
    answer = api.http.get(f"/v1/jobs/{job['id']}", headers={"Prefer": "wait=20"})
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")


def test_a_wait_over_the_limit_is_refused_and_stores_nothing(api: Api) -> None:
    answer = api.http.post("/v1/jobs", json=ENHANCE, headers={"Prefer": "wait=26"})
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "invalid_header")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_finished_job_is_not_sent_twice_to_a_caller_who_names_its_tag(api: Api) -> None:
    job_id = api.run(**ENHANCE)["id"]
    first = api.http.get(f"/v1/jobs/{job_id}")
    again = api.http.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert again.headers["etag"] == first.headers["etag"]
