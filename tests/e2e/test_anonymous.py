"""Who has not signed in: enhances prompts, and reads, follows and cancels those jobs by their ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from promptmill.http.schemas import Problem
from tests.support.api import Api, new_address

if TYPE_CHECKING:
    from local.stack import Stack
    from tests.support.stand_ins import StandIns

PROMPT = "Explain to a passer-by what this place is."


@pytest.fixture
def passer_by(stack: Stack) -> Iterator[Api]:
    with Api(stack, new_address(), token=None) as caller:
        yield caller


@pytest.fixture
def another(stack: Stack) -> Iterator[Api]:
    with Api(stack, new_address(), token=None) as caller:
        yield caller


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, Problem.model_validate_json(answer.text).code


def test_their_job_is_theirs_to_read_and_follow_by_its_id_and_nobody_elses(passer_by: Api, another: Api) -> None:
    job = passer_by.run(kind="enhance", prompt=PROMPT)
    assert (job["status"], job["owner"][:3]) == ("succeeded", "ip_")
    events = passer_by.http.get(f"/v1/jobs/{job['id']}/events")
    assert (events.status_code, "event: done" in events.text) == (200, True)
    for path in ("", "/events"):
        assert problem_of(another.http.get(f"/v1/jobs/{job['id']}{path}")) == (404, "job_not_found")
    assert problem_of(another.http.post(f"/v1/jobs/{job['id']}/cancel")) == (404, "job_not_found")
    assert problem_of(passer_by.http.post(f"/v1/jobs/{job['id']}/cancel")) == (409, "job_settled")


def test_they_cancel_what_they_submitted(passer_by: Api, stand_ins: StandIns) -> None:
    prompt = "Explain to a passer-by why this takes so long."
    stand_ins.script("chat", [{"delay_ms": 5000}], match=prompt)
    job_id = passer_by.submit(kind="enhance", prompt=prompt)["id"]
    answer = passer_by.http.post(f"/v1/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "canceled")


def test_all_else_asks_them_to_sign_in(passer_by: Api) -> None:
    job_id = passer_by.submit(kind="enhance", prompt=PROMPT)["id"]
    answers = [
        passer_by.http.post("/v1/jobs", json={"kind": "image", "prompt": "a red fox"}),
        passer_by.http.get("/v1/jobs"),
        passer_by.http.get(f"/v1/jobs/{job_id}/execution"),
        passer_by.http.get(f"/v1/jobs/{job_id}/diff", params={"with": job_id}),
        passer_by.http.post(f"/v1/jobs/{job_id}/replay"),
        passer_by.http.post(f"/v1/jobs/{job_id}/redrive"),
    ]
    for answer in answers:
        assert problem_of(answer) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"] == 'Bearer realm="promptmill"'


def test_signing_in_does_not_make_their_job_a_users(stack: Stack, passer_by: Api) -> None:
    job_id = passer_by.submit(kind="enhance", prompt=PROMPT)["id"]
    with Api(stack, passer_by.address) as signed_in:
        assert problem_of(signed_in.http.get(f"/v1/jobs/{job_id}")) == (404, "job_not_found")
