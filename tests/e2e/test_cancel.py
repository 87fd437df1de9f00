"""Canceling over HTTP: at once, once, and with the bill of what was under way."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from promptmill.clock import random_hex
from promptmill.jobs.ledger import CallStatus
from promptmill.jobs.settling.store import SettlingStore
from promptmill.jobs.store import JobStore, StoredWork
from tests.support.api import Api, eventually, new_address
from tests.support.inbox import subscriber_inbox
from tests.support.outcomes import ended_execution, outcomes
from tests.support.published import check_bus_event

if TYPE_CHECKING:
    import httpx

    from local.stack import Stack
    from tests.support.stand_ins import StandIns

CALLERS = 4
JOBS_EACH = 5
ANSWER_MS = 1_500
ANOTHER = {"kind": "enhance", "prompt": "Write a lullaby for somebody else."}


def cancel(api: Api, job_id: str) -> httpx.Response:
    return api.http.post(f"/v1/jobs/{job_id}/cancel")


@pytest.fixture
def jobs(stack: Stack) -> JobStore:
    return JobStore(stack.jobs_table, stack.client("dynamodb"))


def test_a_job_that_is_canceled_while_the_model_answers_ends_at_once_and_pays_for_the_answer(
    stack: Stack, api: Api, jobs: JobStore, stand_ins: StandIns
) -> None:
    token = random_hex(6)
    stand_ins.script("chat", [{"delay_ms": ANSWER_MS}], match=token)
    job_id = api.submit(kind="enhance", prompt=f"Write a lullaby about the number {token}.")["id"]

    def work_with(status: CallStatus) -> StoredWork | None:
        work = jobs.load_work(job_id)
        return work if [call.status for call in work.calls] == [status] else None

    eventually(lambda: work_with(CallStatus.STARTED))
    answer = cancel(api, job_id)
    assert (answer.status_code, answer.json()["status"]) == (202, "canceled")
    assert api.read(job_id) == answer.json()
    execution = ended_execution(stack, job_id)
    assert (execution["status"], execution.get("error")) == ("ABORTED", "Canceled")
    (event,) = outcomes(stack, job_id)
    assert event["detail-type"] == "job.canceled"
    check_bus_event(event)
    # What it can cost at most, until it is known.
    assert event["detail"]["data"]["cost"] == answer.json()["cost"]
    assert answer.json()["cost"]["estimated"] is True

    paid = eventually(lambda: work_with(CallStatus.SUCCEEDED)).calls[0]
    job = api.read(job_id)
    assert paid.cost_usd is not None
    assert paid.cost_usd > 0
    assert (Decimal(job["cost"]["model_usd"]), job["cost"]["estimated"]) == (paid.cost_usd, False)
    assert (job["status"], job["result"]) == ("canceled", None)
    assert cancel(api, job_id).json() == job
    assert len(outcomes(stack, job_id)) == 1
    assert is_closed(stack, job_id)


def test_a_job_that_is_canceled_before_it_began_was_announced_and_counted_all_the_same(
    stack: Stack, api: Api, jobs: JobStore
) -> None:
    """Or submitting and canceling in a row would be free."""
    job_id = api.submit(kind="enhance", prompt="Write a lullaby that nobody waits for.")["id"]
    assert cancel(api, job_id).status_code == 202
    execution = ended_execution(stack, job_id)
    assert execution["status"] == "ABORTED"
    assert jobs.load_work(job_id).calls == ()
    eventually(lambda: outcomes(stack, job_id) or None)
    assert sorted(event["detail-type"] for event in subscriber_inbox(stack).of(job_id)) == [
        "job.accepted",
        "job.canceled",
    ]
    # One of the burst of ten is taken by the canceled job, the other by this one.
    assert "r=8" in api.http.post("/v1/jobs", json=ANOTHER).headers["ratelimit"]


def is_closed(stack: Stack, job_id: str) -> bool:
    job = SettlingStore(stack.jobs_table, stack.client("dynamodb")).load(job_id)
    assert job is not None
    return job.due_at is None


def test_a_finished_job_cannot_be_canceled(api: Api) -> None:
    job = api.run(kind="enhance", prompt="Explain how a lighthouse was lit before electricity.")
    answer = cancel(api, job["id"])
    assert (answer.status_code, answer.json()["code"]) == (409, "job_settled")
    assert "retry-after" not in answer.headers
    assert api.read(job["id"]) == job


def test_another_callers_job_cannot_be_canceled_and_answers_like_none(api: Api, other_api: Api) -> None:
    job_id = api.submit(kind="enhance", prompt="Explain how a lighthouse was lit before electricity.")["id"]
    unknown = "job_01K0000000000000000000000A"
    foreign, absent = cancel(other_api, job_id), cancel(other_api, unknown)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "job_not_found")
    differing = {"request_id", "instance"}
    said = [{name: value for name, value in one.json().items() if name not in differing} for one in (foreign, absent)]
    assert said[0] == said[1]
    assert api.finished(job_id)["status"] == "succeeded"


def test_cancels_that_race_the_ends_of_their_jobs_leave_one_status_and_one_event_each(
    stack: Stack, jobs: JobStore
) -> None:
    callers = [Api(stack, new_address()) for _ in range(CALLERS)]

    def race(number: int) -> tuple[Api, str, int]:
        """Cancels a job somewhere on its way, or where its result is there and its status is about to be."""
        api = callers[number % CALLERS]
        job_id = api.submit(kind="enhance", prompt="Explain how a lighthouse was lit before electricity.")["id"]
        if number % 2:
            time.sleep(0.1 * (number % 10))
        else:
            eventually(lambda: jobs.load_work(job_id).job.result, pause_seconds=0.01)
        return api, job_id, cancel(api, job_id).status_code

    with ThreadPoolExecutor(CALLERS) as pool:
        raced = list(pool.map(race, range(CALLERS * JOBS_EACH)))
    ended: list[tuple[int, dict[str, Any]]] = [(status, api.finished(job_id)) for api, job_id, status in raced]
    for caller in callers:
        caller.http.close()
    for answered, job in ended:
        assert (answered, job["status"]) in {(202, "canceled"), (409, "succeeded")}
        ended_execution(stack, job["id"])
        events = outcomes(stack, job["id"])
        assert {event["detail-type"] for event in events} == {f"job.{job['status']}"}
        assert len(events) == 1
        assert is_closed(stack, job["id"])
    assert "canceled" in {job["status"] for _, job in ended}
