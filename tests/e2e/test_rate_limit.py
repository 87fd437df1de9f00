"""A burst meets the limit: at the ingress when it comes in a row, in the workflow when it comes at once."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

from promptmill.http.schemas import Problem
from promptmill.jobs.execution.address import execution_arn
from tests.support.api import eventually
from tests.support.inventory import take_inventory

if TYPE_CHECKING:
    from datetime import datetime

    import httpx

    from tests.support.api import Api

BODY = {"kind": "enhance", "prompt": "Suggest five names for a small bakery by the sea."}
BURST = 10
INTERVAL = timedelta(seconds=6)


def _post(api: Api) -> httpx.Response:
    return api.http.post("/v1/jobs", json=BODY)


def test_posts_in_a_row_are_jobs_until_the_burst_is_spent_and_are_then_told_to_wait(api: Api, other_api: Api) -> None:
    begun = time.monotonic()
    jobs: list[str] = []
    while (answer := _post(api)).status_code == 202:
        jobs.append(answer.json()["id"])
        # The peek sees what the executions have written so far, so each must be past its check before the next.
        eventually(lambda: api.read(jobs[-1])["started_at"])
    freed = int((time.monotonic() - begun) / INTERVAL.total_seconds())
    assert BURST <= len(jobs) <= BURST + freed

    before = take_inventory(api.stack)
    _check_refusal(answer)
    _check_refusal(_post(api))
    after = take_inventory(api.stack)
    assert (after.jobs, after.executions) == (before.jobs, before.executions)
    assert {api.finished(job_id)["status"] for job_id in jobs} == {"succeeded"}
    assert other_api.finished(_post(other_api).json()["id"])["status"] == "succeeded"


def _check_refusal(answer: httpx.Response) -> None:
    assert answer.status_code == 429
    problem = Problem.model_validate_json(answer.text)
    assert (problem.code, problem.retryable) == ("rate_limited", True)
    wait = int(answer.headers["retry-after"])
    assert 1 <= wait <= 6
    assert f"Try again in {wait} seconds" in problem.detail
    assert answer.headers["ratelimit-policy"] == '"user";q=10;w=60'
    assert re.fullmatch(r'"user";r=0;t=[1-6]', answer.headers["ratelimit"])


def test_of_sixteen_posts_at_once_no_more_succeed_than_the_limit_allows(api: Api) -> None:
    # Four at a time come in faster than an execution reaches its check, and need four environments, not sixteen.
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: _post(api), range(16)))
    assert {answer.status_code for answer in answers} <= {202, 429}
    accepted = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    ends = [api.finished(job_id) for job_id in accepted]
    succeeded = [job for job in ends if job["status"] == "succeeded"]
    rejected = [job for job in ends if job["status"] == "rejected"]
    begun = sorted(_started(api, job["id"]) for job in ends)
    freed = (begun[-1] - begun[0]) // INTERVAL
    assert BURST <= len(succeeded) <= BURST + freed
    assert len(succeeded) + len(rejected) == len(accepted)
    assert all(job["error"]["code"] == "rate_limited" and job["error"]["retryable"] for job in rejected)
    assert all(job["started_at"] is None and job["finished_at"] for job in rejected)


def _started(api: Api, job_id: str) -> datetime:
    arn = execution_arn(api.stack.state_machine_arn, job_id)
    started: datetime = api.stack.client("stepfunctions").describe_execution(executionArn=arn)["startDate"]
    return started
