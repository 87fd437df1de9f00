"""ETag and If-None-Match on GET /v1/jobs/{id}."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from promptmill.http.entity_tag import entity_tag, matches
from promptmill.jobs.model import JobStatus
from tests.support.builders import a_job, an_image_entry
from tests.unit.http.calls import OWNER, Api


def document(**fields: Any) -> dict[str, Any]:
    return {
        "status": "succeeded",
        "result": {"images": [{"id": "img_1", "url": "u1", "url_expires_at": "t1"}]},
        **fields,
    }


def test_new_links_to_the_same_images_are_the_same_answer_for_five_minutes() -> None:
    other_links = {"images": [{"id": "img_1", "url": "u2", "url_expires_at": "t2"}]}
    assert entity_tag(document(), at_seconds=600) == entity_tag(document(result=other_links), at_seconds=899)
    assert entity_tag(document(), at_seconds=899) != entity_tag(document(), at_seconds=900)


def test_another_image_or_status_is_another_answer() -> None:
    tags = {
        entity_tag(changed, at_seconds=0)
        for changed in (
            document(),
            document(status="failed"),
            document(result={"images": [{"id": "img_2", "url": "u1", "url_expires_at": "t1"}]}),
            document(result={"text": "a"}),
            document(result=None),
        )
    }
    assert len(tags) == 5


def test_a_text_keeps_its_tag_for_good() -> None:
    text = document(result={"text": "a"})
    assert entity_tag(text, at_seconds=0) == entity_tag(text, at_seconds=10**9)


@pytest.mark.parametrize("header", ['"abc"', 'W/"abc"', '"x", "abc"', '"x",W/"abc" , "y"', "*", ' "abc" '])
def test_a_caller_who_names_the_tag_has_the_answer(header: str) -> None:
    assert matches(header, '"abc"')


@pytest.mark.parametrize("header", [None, "", "abc", '"abcd"', '"ab', 'W/"x"', '"*"', "x" * 10_000])
def test_a_caller_who_does_not_name_the_tag_gets_the_answer(header: str | None) -> None:
    assert not matches(header, '"abc"')


def reading(job: Any, tag: str | None = None) -> Any:
    api = Api()
    api.jobs.add(job)
    return api.get(f"/v1/jobs/{job.id}", headers={"If-None-Match": tag} if tag else None)


def test_a_job_that_has_not_changed_is_not_sent_again() -> None:
    job = a_job("running", owner=OWNER, expires_at_seconds=2**33)
    first = reading(job)
    again = reading(job, first.headers["etag"])
    assert (again.status, again.text) == (304, "")
    assert {again.headers[name] for name in ("etag",)} == {first.headers["etag"]}
    assert again.headers["retry-after"] == "1"


def test_a_job_that_has_changed_is_sent_with_another_tag() -> None:
    job = a_job("running", owner=OWNER, expires_at_seconds=2**33)
    tag = reading(job).headers["etag"]
    later = reading(replace(job, status=JobStatus.FAILED, error={"code": "provider_error", "step": "InvokeFlux"}), tag)
    assert (later.status, later.json["status"]) == (200, "failed")
    assert later.headers["etag"] != tag


def test_an_image_that_is_still_linked_is_not_sent_again() -> None:
    result = {"images": [an_image_entry()]}
    job = a_job("succeeded", kind="image", owner=OWNER, expires_at_seconds=2**33, result=result)
    assert reading(job, "*").status == 304


def test_another_owner_learns_nothing_from_a_tag() -> None:
    job = a_job("running", owner="ip_other", expires_at_seconds=2**33)
    assert reading(job, "*").status == 404
