"""The way of a job as a frontend sees it."""

from __future__ import annotations

import hashlib
import io
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from PIL import Image

from promptmill.http.schemas import Job, Problem
from tests.support.api import Api, eventually

if TYPE_CHECKING:
    from tests.support.stand_ins import StandIns

PROMPT = "Write an apology to a neighbour whose fence our dog has eaten."
RATE_LIMIT = re.compile(r'"user";r=(\d+);t=(\d+)')


def _picture(image: dict[str, Any]) -> bytes:
    answer = httpx.get(image["url"], timeout=20)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return answer.content


def _paint(api: Api, **changes: Any) -> list[dict[str, Any]]:
    fields = {"prompt": "A lighthouse at dusk", "width": 320, "height": 256, "seed": 7, **changes}
    job = api.run(kind="image", **fields)
    images: list[dict[str, Any]] = Job.model_validate(job).model_dump()["result"]["images"]
    return images


def test_a_posted_job_is_accepted_with_all_a_frontend_needs_to_follow_it(api: Api) -> None:
    answer = api.http.post("/v1/jobs", json={"kind": "enhance", "prompt": PROMPT, "metadata": {"page": "home"}})
    assert answer.status_code == 202
    job = Job.model_validate_json(answer.text)
    assert (job.status, job.kind, job.object) == ("queued", "enhance", "job")
    assert job.input == {"prompt": PROMPT}
    assert job.metadata == {"page": "home"}
    assert (job.result, job.error, job.usage, job.finished_at) == (None, None, None, None)
    assert answer.headers["location"] == job.links.self == f"{api.stack.api_url}/v1/jobs/{job.id}"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["ratelimit-policy"] == '"user";q=10;w=60'
    remaining = RATE_LIMIT.fullmatch(answer.headers["ratelimit"])
    assert remaining is not None
    assert remaining[1] == "9"
    assert 1 <= int(remaining[2]) <= 6
    assert api.finished(job.id)["status"] == "succeeded"


def test_its_location_leads_to_the_result(api: Api) -> None:
    location = api.http.post("/v1/jobs", json={"kind": "enhance", "prompt": PROMPT, "tone": "casual"}).headers[
        "location"
    ]

    def finished() -> httpx.Response | None:
        answer = api.http.get(location)
        assert answer.status_code == 200
        over = answer.json()["status"] not in {"queued", "running"}
        assert ("retry-after" in answer.headers) is not over
        return answer if over else None

    job = Job.model_validate_json(eventually(finished).text).model_dump()
    assert job["status"] == "succeeded"
    assert "apology" in job["result"]["text"]
    assert job["input"] == {"prompt": PROMPT, "tone": "casual"}
    assert job["usage"]["model"] == "claude-haiku-4.5"
    assert job["cost"]["estimated"] is False
    assert job["progress"] == {"step": None, "completed": 5, "total": 5}


def test_its_times_are_in_order_and_its_deadline_and_expiry_are_as_asked(api: Api) -> None:
    job = api.run(kind="enhance", prompt=PROMPT, deadline_seconds=120)
    created, started, finished = (
        datetime.fromisoformat(job[f"{name}_at"]) for name in ("created", "started", "finished")
    )
    assert created.tzinfo is not None
    assert created <= started <= finished
    assert datetime.fromisoformat(job["deadline_at"]) - created == timedelta(seconds=120)
    kept = datetime.fromisoformat(job["expires_at"]) - created
    assert timedelta(days=89) < kept <= timedelta(days=90)


def test_a_job_is_kept_by_nobody_but_its_caller_who_asks_each_time(api: Api) -> None:
    job = api.run(kind="enhance", prompt=PROMPT)
    assert api.http.get(f"/v1/jobs/{job['id']}").headers["cache-control"] == "private, no-cache"


def test_an_image_job_gives_links_to_pictures_of_the_size_asked_for(api: Api) -> None:
    before = datetime.now(UTC)
    first, second = _paint(api, n=2)
    for image in (first, second):
        content = _picture(image)
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
            assert (picture.format, picture.size) == ("PNG", (320, 256))
        assert image["sha256"] == hashlib.sha256(content).hexdigest()
        assert image["bytes"] == len(content)
        ends = datetime.fromisoformat(image["url_expires_at"])
        assert timedelta(minutes=14) < ends - before < timedelta(minutes=16)
    assert (first["seed"], second["seed"]) == (7, 7)
    assert first["sha256"] != second["sha256"]


def test_the_same_seed_gives_the_same_picture_and_another_seed_another(api: Api) -> None:
    (one,), (same,), (other,) = _paint(api), _paint(api), _paint(api, seed=8)
    assert _picture(one) == _picture(same)
    assert _picture(one) != _picture(other)
    assert one["id"] != same["id"]


def test_a_link_reads_one_picture_and_nothing_else(api: Api) -> None:
    (image,) = _paint(api)
    url = httpx.URL(image["url"])
    bare = url.copy_with(query=None)
    elsewhere = url.copy_with(path=url.path.replace(image["id"], "img_other"))
    assert httpx.get(bare).status_code == 403
    assert httpx.get(elsewhere).status_code == 403
    assert httpx.put(url, content=b"another picture").status_code == 403


def test_a_link_is_made_for_each_answer_and_stored_nowhere(api: Api) -> None:
    job = api.run(kind="image", prompt="A lighthouse at dusk", width=256, height=256)
    items = api.stack.client("dynamodb").query(
        TableName=api.stack.jobs_table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"JOB#{job['id']}"}},
    )["Items"]
    assert job["result"]["images"][0]["id"] in str(items)
    assert "Signature" not in str(items)
    # Only the job's own address, which its events carry.
    assert set(re.findall(r"https?://[^'\"]+", str(items))) == {job["links"]["self"]}


def test_a_job_that_failed_says_why_and_whether_to_try_again(api: Api, stand_ins: StandIns) -> None:
    prompt = "A bridge that no model will ever draw"
    stand_ins.script("flux", [{"status": 402}], match=prompt)
    job = Job.model_validate(api.run(kind="image", prompt=prompt, width=256, height=256))
    assert job.status == "failed"
    assert job.error is not None
    assert (job.error.code, job.error.step, job.error.retryable) == ("provider_quota", "InvokeFlux", False)
    assert job.error.detail
    assert job.result is None
    assert job.finished_at is not None


def test_a_job_blocked_by_the_content_filter_is_rejected(api: Api, stand_ins: StandIns) -> None:
    prompt = "Something the guardrail of this model objects to"
    stand_ins.script("chat", [{"stop_reason": "guardrail_intervened"}], match=prompt)
    job = Job.model_validate(api.run(kind="enhance", prompt=prompt))
    assert job.status == "rejected"
    assert job.error is not None
    assert job.error.code == "content_blocked"
    assert job.result is None


def test_another_callers_job_is_as_unknown_as_one_that_never_was(api: Api, other_api: Api) -> None:
    job_id = api.submit(kind="enhance", prompt=PROMPT)["id"]
    api.finished(job_id)
    unknown_id = f"job_{job_id[4:-4]}ZZZZ"
    theirs, unknown = (other_api.http.get(f"/v1/jobs/{one}") for one in (job_id, unknown_id))
    assert (theirs.status_code, unknown.status_code) == (404, 404)
    assert _anonymous(theirs, job_id) == _anonymous(unknown, unknown_id)
    assert {name: value for name, value in theirs.headers.items() if name not in PER_ANSWER} == {
        name: value for name, value in unknown.headers.items() if name not in PER_ANSWER
    }


PER_ANSWER = {
    "x-request-id",
    "date",
    "x-amzn-requestid",
    "x-amz-apigw-id",
    "x-amzn-trace-id",
    "x-amz-request-id",
    "x-amz-id-2",
}


def _anonymous(answer: httpx.Response, job_id: str) -> dict[str, Any]:
    problem = Problem.model_validate_json(answer.text).model_dump()
    assert problem.pop("request_id") == answer.headers["x-request-id"]
    assert problem.pop("instance") == f"/v1/jobs/{job_id}"
    return problem


@pytest.mark.parametrize(
    "job_id",
    [
        "job_", "job_1", "1", "job_01KAHNM8T0Q4V9X2C7R5W3ZPJ", "job_01KAHNM8T0Q4V9X2C7R5W3ZPJDD",
        "job_81KAHNM8T0Q4V9X2C7R5W3ZPJD", "job_01KAHNM8T0Q4V9X2C7R5W3ZPJU", "job_01kahnm8t0q4v9x2c7r5w3zpjd",
        "evt_01KAHNM8T0Q4V9X2C7R5W3ZPJD", "01KAHNM8T0Q4V9X2C7R5W3ZPJD", "%00", "%F0%9F%9A%80", "job_'%20OR%201=1",
        "a" * 500,
    ],
)  # fmt: skip
def test_an_id_that_is_none_is_an_unknown_job(api: Api, job_id: str) -> None:
    answer = api.http.get(f"/v1/jobs/{job_id}")
    assert answer.status_code == 404
    assert Problem.model_validate_json(answer.text).code in {"job_not_found", "not_found"}
