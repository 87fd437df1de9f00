"""GET: a job, and what is the same for everybody."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from promptmill import errors
from promptmill.clock import epoch_ms, now_ms
from promptmill.jobs.model import Job
from promptmill.providers.catalog import load_catalog
from tests.support.builders import OTHER_OWNER, a_job, a_job_id, an_image_entry
from tests.unit.http.calls import BASE_URL, OWNER, REQUEST_ID, Api, an_event
from tests.unit.jobs.fakes import MemoryJobStore


def reading(status: str, **fields: Any) -> tuple[Api, Job]:
    api, job = Api(), a_job(status, owner=fields.pop("owner", OWNER), expires_at_seconds=2**33, **fields)
    api.jobs.add(job)
    return api, job


@pytest.mark.parametrize("status", ["queued", "running", "succeeded", "failed", "rejected", "canceled", "expired"])
def test_an_owner_reads_their_job_in_every_status(status: str) -> None:
    api, job = reading(status)
    answer = api.get(f"/v1/jobs/{job.id}")
    assert (answer.status, answer.json["id"], answer.json["status"]) == (200, job.id, status)
    assert answer.json["links"]["self"] == f"{BASE_URL}/v1/jobs/{job.id}"
    assert answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("status", "retry_after"), [("queued", "1"), ("running", "1"), ("succeeded", None), ("failed", None)]
)
def test_only_a_job_that_goes_on_says_when_to_look_again(status: str, retry_after: str | None) -> None:
    api, job = reading(status)
    assert api.get(f"/v1/jobs/{job.id}").headers.get("retry-after") == retry_after


def test_another_owners_job_answers_exactly_like_one_that_does_not_exist() -> None:
    api, job = reading("succeeded", owner=OTHER_OWNER)
    paths = [f"/v1/jobs/{job.id}", f"/v1/jobs/{a_job_id()}"]
    answers = [api.get(path) for path in paths]
    for path, answer in zip(paths, answers, strict=True):
        assert answer.json == {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "There is no such job.",
            "instance": path,
            "code": "job_not_found",
            "request_id": REQUEST_ID,
            "retryable": False,
        }
    assert answers[0].headers == answers[1].headers


class NeverAsked(MemoryJobStore):
    def get(self, job_id: str, owner: str | None, *, at_ms: int | None = None) -> Job:
        raise AssertionError("the store was asked")


@pytest.mark.parametrize("job_id", ["x", "job_x", "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV", "job_" + "0" * 200, "JOB", "%00"])
def test_what_cannot_be_a_job_id_is_not_looked_up(job_id: str) -> None:
    answer = Api(jobs=NeverAsked()).get(f"/v1/jobs/{job_id}")
    assert (answer.status, answer.json["code"]) == (404, "job_not_found")


def test_images_come_with_links_that_end_after_fifteen_minutes() -> None:
    api, job = reading("succeeded", kind="image", result={"images": [an_image_entry(key="artifacts/o/j/i.png")]})
    before_ms = now_ms()
    (image,) = api.get(f"/v1/jobs/{job.id}").json["result"]["images"]
    assert image["url"] == api.artifacts.link("artifacts/o/j/i.png")
    assert before_ms + 900_000 <= epoch_ms(image["url_expires_at"]) <= now_ms() + 900_000
    assert "key" not in image


class Down(MemoryJobStore):
    def get(self, job_id: str, owner: str | None, *, at_ms: int | None = None) -> Job:
        raise errors.StoreUnavailable


def test_a_store_that_does_not_answer_is_a_503() -> None:
    answer = Api(jobs=Down()).get(f"/v1/jobs/{a_job_id()}")
    assert (answer.status, answer.json["code"], answer.json["retryable"]) == (503, "store_unavailable", True)
    assert answer.headers["retry-after"] == "2"


def test_health_says_which_stage_it_is() -> None:
    answer = Api().get("/v1/health")
    assert (answer.status, answer.json) == (200, {"status": "ok", "stage": "dev"})


def test_the_models_are_those_of_the_catalog_with_money_as_strings() -> None:
    answer = Api().get("/v1/models")
    assert (answer.status, answer.json["object"]) == (200, "list")
    assert [entry["alias"] for entry in answer.json["data"]] == [model.alias for model in load_catalog()]
    for entry in answer.json["data"]:
        assert all(isinstance(usd, str) for name, usd in entry["price"].items() if "usd" in name)
        assert entry["ends_on"] is None or date.fromisoformat(entry["ends_on"])
    assert answer.headers["cache-control"] == "public, max-age=300"


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/nothing"), ("POST", "/v1/nothing"), ("GET", "/v1/jobs/a/b")])
def test_a_path_nobody_has_is_a_problem_document(method: str, path: str) -> None:
    answer = Api().read(an_event(method, path, resource="/v1/{proxy+}"))
    assert (answer.status, answer.json["code"], answer.json["instance"]) == (404, "not_found", path)
    assert answer.headers["content-type"] == "application/problem+json"
