"""POST /v1/jobs/{job_id}/cancel."""

from __future__ import annotations

from typing import Any

import pytest

from promptmill import errors
from promptmill.http.cancel_routes import cancel_api
from promptmill.http.resolver import resolve
from promptmill.jobs.model import Job
from promptmill.jobs.settling.store import SettlingStore
from tests.support.builders import COST, OTHER_OWNER, TEXT_RESULT, a_job, a_job_id, an_image_entry
from tests.unit.http.calls import BASE_URL, OWNER, REQUEST_ID, Api, Reply, an_event, reply
from tests.unit.http.conftest import LogLines
from tests.unit.jobs.settling import UnreachableStore, World


def stored(world: World, status: str = "running", **fields: Any) -> Job:
    return world.has(a_job(status, **{"owner": OWNER, "expires_at_seconds": 2**33, **fields}))


def cancel(world: World, job_id: str) -> Reply:
    event = an_event("POST", f"/v1/jobs/{job_id}/cancel", resource="/v1/jobs/{job_id}/cancel")
    return reply(resolve(cancel_api(world.settlement), event, None))


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_job_is_canceled_and_answered_as_it_then_is(status: str) -> None:
    world = World()
    job = stored(world, status, cost=COST)
    answer = cancel(world, job.id)
    assert answer.status == 202
    assert (answer.json["id"], answer.json["status"], answer.json["cost"]) == (job.id, "canceled", COST)
    assert answer.json["finished_at"] is not None
    assert (answer.json["error"], answer.json["result"], answer.json["usage"]) == (None, None, None)
    assert answer.json["links"]["self"] == f"{BASE_URL}/v1/jobs/{job.id}"
    assert "retry-after" not in answer.headers
    assert answer.headers["cache-control"] == "private, no-cache"
    assert world.bus.names == ["job.canceled"]
    assert world.workflow.statuses[job.id] == ("ABORTED" if status == "running" else "RUNNING")


def test_its_owner_then_reads_the_same_job() -> None:
    world = World()
    job = stored(world)
    answer = cancel(world, job.id)
    read = Api(jobs=world.jobs).get(f"/v1/jobs/{job.id}")
    assert read.json == answer.json
    assert read.headers["etag"] == answer.headers["etag"]


@pytest.mark.parametrize("result", [TEXT_RESULT, {"images": [an_image_entry()]}])
def test_a_result_that_came_too_late_is_not_shown(result: dict[str, Any]) -> None:
    """It was written an instant before, and its images have links nobody may have."""
    world = World()
    answer = cancel(world, stored(world, result=result, cost=COST).id)
    assert (answer.status, answer.json["result"]) == (202, None)


def test_canceling_again_answers_the_same_and_does_nothing() -> None:
    world = World()
    job = stored(world)
    first, second = cancel(world, job.id), cancel(world, job.id)
    assert (second.status, second.json) == (202, first.json)
    assert world.bus.names == ["job.canceled"]


@pytest.mark.parametrize("status", ["succeeded", "failed", "rejected", "expired"])
def test_a_job_that_ended_otherwise_is_a_conflict_that_waiting_will_not_mend(status: str) -> None:
    world = World()
    job = stored(world, status)
    answer = cancel(world, job.id)
    assert answer.status == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert "retry-after" not in answer.headers
    assert answer.json == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": f"The job is {status} already.",
        "instance": f"/v1/jobs/{job.id}/cancel",
        "code": "job_settled",
        "request_id": REQUEST_ID,
        "retryable": False,
    }
    assert world.now(job) == job


def test_what_is_not_the_callers_to_cancel_answers_alike() -> None:
    world = World()
    foreign = stored(world, owner=OTHER_OWNER)
    expired = stored(world, expires_at_seconds=1)
    absent = [a_job_id(), "job_x", "JOB_01K0000000000000000000000A", "..%2f", f"{a_job_id()}x"]
    answers = [cancel(world, job_id) for job_id in [foreign.id, expired.id, *absent]]
    assert {answer.status for answer in answers} == {404}
    assert len({answer.text.replace(answer.json["instance"], "") for answer in answers}) == 1
    assert answers[0].json["code"] == "job_not_found"
    assert len({tuple(answer.headers.items()) for answer in answers}) == 1
    assert (world.now(foreign), world.now(expired)) == (foreign, expired)
    assert world.bus.published == []


class NeverAsked(SettlingStore):
    """Fails the test when anything is asked of it."""

    def __init__(self) -> None:
        super().__init__("", None)


def test_what_cannot_be_an_id_costs_no_call() -> None:
    world = World()
    world.store = NeverAsked()
    assert cancel(world, "job_x").status == 404


def test_a_store_that_is_down_answers_503_and_changes_nothing() -> None:
    world = World()
    job = stored(world)
    world.store = UnreachableStore(world.jobs, "settle")
    answer = cancel(world, job.id)
    assert (answer.status, answer.json["code"], answer.json["retryable"]) == (503, "store_unavailable", True)
    assert int(answer.headers["retry-after"]) >= 1
    assert world.now(job) == job


def test_a_store_that_refuses_us_is_a_fault_of_ours(log: LogLines) -> None:
    world = World()
    job = stored(world)
    store = UnreachableStore(world.jobs)
    store.settle = broken  # type: ignore[method-assign]
    world.store = store
    assert cancel(world, job.id).status == 500


def broken(*_arguments: object, **_named: object) -> Any:
    raise errors.BrokenContractError("the store refused: AccessDeniedException")


@pytest.mark.parametrize("part", ["bus", "workflow"])
def test_what_is_left_to_the_sweeper_is_a_202_all_the_same_and_in_the_log(part: str, log: LogLines) -> None:
    world = World()
    job = stored(world)
    if part == "bus":
        world.bus.error = errors.BusUnavailable()
    else:
        world.workflow.stopping_fails = errors.WorkflowUnavailable()
    answer = cancel(world, job.id)
    assert (answer.status, answer.json["status"]) == (202, "canceled")
    (line,) = log.facts
    assert (line["job_id"], line["left_to"], line["status"]) == (job.id, "sweeper", 202)
    assert world.now(job).due_at is not None


def test_a_cancel_that_is_done_leaves_nothing_to_anybody(log: LogLines) -> None:
    world = World()
    cancel(world, stored(world).id)
    assert "left_to" not in log.facts[0]
