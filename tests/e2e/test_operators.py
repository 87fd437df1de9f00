"""An operator at work on jobs that are not their own, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from promptmill.http.schemas import Problem
from tests.e2e.test_command import stopped_in_its_model_call
from tests.support.api import Api, new_address
from tests.support.credentials import owner_of
from tests.support.recipes import job

if TYPE_CHECKING:
    from local.stack import Stack
    from tests.support.stand_ins import StandIns

PROMPT = "Explain to a lighthouse keeper what an operator does all night."


@pytest.fixture
def operator(stack: Stack) -> Iterator[Api]:
    with Api(stack, new_address(), groups=("operators",)) as caller:
        yield caller


def test_a_recorded_replay_by_an_operator_is_a_job_of_the_sources_owner(api: Api, operator: Api) -> None:
    source = api.run(kind="enhance", prompt=PROMPT)
    asked: dict[str, Any] = {"json": {"mode": "recorded"}, "headers": {"Idempotency-Key": "again"}}
    answer = operator.http.post(f"/v1/jobs/{source['id']}/replay", **asked)
    assert answer.status_code == 202, answer.text
    made = api.finished(answer.json()["id"])
    assert (made["status"], made["owner"], made["result"]) == ("succeeded", source["owner"], source["result"])
    repeated = operator.http.post(f"/v1/jobs/{source['id']}/replay", **asked)
    assert (repeated.json()["id"], repeated.headers["idempotency-replayed"]) == (made["id"], "true")
    mine = operator.http.get("/v1/jobs").json()["data"]
    theirs = operator.http.get("/v1/jobs", params={"owner": source["owner"]}).json()["data"]
    assert (mine, {each["id"] for each in theirs}) == ([], {source["id"], made["id"]})
    refused = api.http.get("/v1/jobs", params={"owner": source["owner"]})
    assert (refused.status_code, Problem.model_validate_json(refused.text).code) == (403, "forbidden")


def test_a_job_is_canceled_by_an_operator(stack: Stack, api: Api, operator: Api) -> None:
    job_id = job("queued")(stack, owner_of(str(api.token)), "a planted job")["job_id"]
    answer = operator.http.post(f"/v1/jobs/{job_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "canceled")
    assert api.read(job_id)["status"] == "canceled"


def test_redrive_says_over_http_that_the_local_stack_cannot(
    stack: Stack, api: Api, operator: Api, stand_ins: StandIns
) -> None:
    job_id = stopped_in_its_model_call(stack, api, stand_ins)
    answer = operator.http.post(f"/v1/jobs/{job_id}/redrive")
    assert answer.status_code == 409, answer.text
    problem = Problem.model_validate_json(answer.text)
    assert (problem.code, problem.retryable) == ("not_redrivable", False)
    assert problem.detail == "Redrive is not available here: Step Functions does not know it."


def test_a_job_that_succeeded_is_not_redriven_over_http_either(api: Api, operator: Api) -> None:
    job_id = api.run(kind="enhance", prompt=PROMPT)["id"]
    answer = operator.http.post(f"/v1/jobs/{job_id}/redrive")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_redrivable")
    assert "eplay" in answer.json()["detail"]
