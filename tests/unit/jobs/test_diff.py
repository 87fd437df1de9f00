"""What differs between two jobs."""

from __future__ import annotations

from typing import Any

import pytest

from promptmill.jobs.replay.diff import job_diff
from tests.support.builders import AT, COST, TEXT_RESULT, TEXT_USAGE, a_job, an_image_entry


def text_job(text: str, **fields: Any) -> Any:
    return a_job("succeeded", result={"text": text, "type": "content"}, **fields)


def image_job(*digests: str) -> Any:
    entries = [an_image_entry(sha256=digest) for digest in digests]
    return a_job("succeeded", kind="image", result={"images": entries}, usage={"model": "flux-schnell", "images": 1})


def test_a_job_and_itself_do_not_differ() -> None:
    job = a_job("succeeded")
    named = {"id": job.id, "status": "succeeded", "kind": "enhance", "created_at": AT}
    assert job_diff(job, job) == {
        "object": "job_diff",
        "from": named,
        "to": named,
        "input": {},
        "text": {"same": True, "unified": ""},
        "images": None,
        "usage": {},
        "cost": {"from": "0.000412", "to": "0.000412", "difference_usd": "0"},
    }


def test_texts_are_compared_line_by_line() -> None:
    one, other = text_job("Dear Sir\nheating\nRegards"), text_job("Dear Sir\nthe heating\nRegards")
    assert job_diff(one, other)["text"] == {
        "same": False,
        "unified": f"--- {one.id}\n+++ {other.id}\n@@ -1,3 +1,3 @@\n Dear Sir\n-heating\n+the heating\n Regards",
    }


def test_only_a_line_feed_ends_a_line() -> None:
    diff = job_diff(text_job("a\u2028b"), text_job("a\u2028c"))["text"]["unified"]
    assert diff.splitlines(keepends=False)[3:] == ["-a", "b", "+a", "c"]
    assert diff.split("\n")[3:] == ["-a\u2028b", "+a\u2028c"]


@pytest.mark.parametrize("status", ["queued", "running", "failed", "rejected", "canceled", "expired"])
def test_a_result_that_does_not_count_is_not_compared(status: str) -> None:
    unfinished = a_job(status, result=TEXT_RESULT, usage=TEXT_USAGE, cost=COST)
    for diff in (job_diff(unfinished, a_job("succeeded")), job_diff(a_job("succeeded"), unfinished)):
        assert diff["text"] is None
        assert set(diff["usage"]) == set(TEXT_USAGE)


def test_images_are_compared_by_their_digests_in_order() -> None:
    one, turned, same = image_job("a", "b"), image_job("b", "a"), image_job("a", "b")
    assert job_diff(one, turned)["images"] == {"same": False, "from": ["a", "b"], "to": ["b", "a"]}
    assert job_diff(one, same)["images"] == {"same": True, "from": ["a", "b"], "to": ["a", "b"]}
    assert job_diff(one, same)["text"] is None


def test_jobs_of_two_kinds_have_nothing_to_compare_but_their_figures() -> None:
    diff = job_diff(a_job("succeeded"), image_job("a"))
    assert (diff["text"], diff["images"]) == (None, None)
    assert diff["usage"]["images"] == {"from": None, "to": 1}
    assert diff["usage"]["input_tokens"] == {"from": 300, "to": None}


def test_of_input_and_usage_only_what_differs_is_said() -> None:
    one = a_job("succeeded", input={"prompt": "a", "tone": "casual"})
    other = a_job("succeeded", input={"prompt": "a", "model": "nova-pro"}, usage={**TEXT_USAGE, "model": "nova-pro"})
    diff = job_diff(one, other)
    assert diff["input"] == {
        "model": {"from": None, "to": "nova-pro"},
        "tone": {"from": "casual", "to": None},
    }
    assert diff["usage"] == {"model": {"from": "nova-2-lite", "to": "nova-pro"}}


@pytest.mark.parametrize(
    ("before", "after", "cost"),
    [
        ("0.000412", "0", {"from": "0.000412", "to": "0", "difference_usd": "-0.000412"}),
        ("0", "0.000412", {"from": "0", "to": "0.000412", "difference_usd": "0.000412"}),
        ("0.3", "0.1", {"from": "0.3", "to": "0.1", "difference_usd": "-0.2"}),
        (None, "0.1", {"from": "0", "to": "0.1", "difference_usd": "0.1"}),
        (None, None, {"from": "0", "to": "0", "difference_usd": "0"}),
    ],
)
def test_costs_are_subtracted_exactly(before: str | None, after: str | None, cost: dict[str, str]) -> None:
    one, other = (a_job("succeeded", cost=usd and {"model_usd": usd, "estimated": False}) for usd in (before, after))
    assert job_diff(one, other)["cost"] == cost
