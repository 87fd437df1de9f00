"""Idempotency-Key over HTTP, with everybody posting at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.support.api import Api, eventually, new_address
from tests.support.inbox import subscriber_inbox

if TYPE_CHECKING:
    import httpx

    from local.stack import Stack

BODY = {"kind": "enhance", "prompt": "write a short guide to pruning pear trees"}
KEYS = 50
KEYS_OF_ONE_OWNER = 5
CALLERS = 16


def post(api: Api, key: str, **changes: str) -> httpx.Response:
    return api.http.post("/v1/jobs", json=BODY | changes, headers={"Idempotency-Key": key})


def test_the_same_request_posted_by_many_at_once_is_one_job_one_execution_and_one_accepted_event(stack: Stack) -> None:
    answers: dict[str, list[httpx.Response]] = {}
    # A caller has a burst of ten; half of it leaves room for the executions' own check of the rate.
    with ExitStack() as held, ThreadPoolExecutor(CALLERS) as pool:
        for number in range(KEYS):
            if number % KEYS_OF_ONE_OWNER == 0:
                api = held.enter_context(Api(stack, new_address()))
            key = f"order-{number}"
            answers[key] = list(pool.map(post, [api] * CALLERS, [key] * CALLERS))
    job_ids = set()
    for same in answers.values():
        assert {answer.status_code for answer in same} <= {200, 202, 409}
        accepted = [answer for answer in same if answer.status_code != 409]
        (job_id,) = {answer.json()["id"] for answer in accepted}
        assert sum("idempotency-replayed" not in answer.headers for answer in accepted) == 1
        job_ids.add(job_id)
    assert len(job_ids) == KEYS
    inbox = subscriber_inbox(stack)
    for job_id in job_ids:
        received = eventually(lambda job_id=job_id: _events_up_to_the_end(inbox.of(job_id)))  # type: ignore[misc]
        assert sorted(received) == ["job.accepted", "job.succeeded"]
    executions = stack.client("stepfunctions").get_paginator("list_executions")
    names = [
        execution["name"]
        for page in executions.paginate(stateMachineArn=stack.state_machine_arn)
        for execution in page["executions"]
    ]
    assert sorted(name for name in names if name in job_ids) == sorted(job_ids)


def _events_up_to_the_end(messages: list[dict[str, str]]) -> list[str] | None:
    names = [message["detail-type"] for message in messages]
    return names if "job.succeeded" in names else None


def test_a_repeat_after_the_end_answers_with_the_finished_job(api: Api) -> None:
    first = post(api, "once")
    api.finished(first.json()["id"])
    again = post(api, "once")
    assert (again.status_code, again.json()["status"]) == (200, "succeeded")
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == api.read(first.json()["id"])


def test_the_same_key_with_another_body_is_refused_and_makes_no_job(api: Api) -> None:
    first = post(api, "twice")
    other = post(api, "twice", tone="casual")
    assert (first.status_code, other.status_code, other.json()["code"]) == (202, 422, "idempotency_mismatch")


def test_two_callers_may_use_the_same_key(stack: Stack, api: Api) -> None:
    with Api(stack, new_address()) as other:
        assert post(api, "shared").json()["id"] != post(other, "shared").json()["id"]
