"""What operators may do with jobs that are not their own, and what nobody else may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptmill.http.cancel_routes import cancel_api
from promptmill.http.resolver import resolve
from promptmill.identity.caller import Caller
from promptmill.jobs.model import JobStatus
from tests.support.builders import OTHER_OWNER, TEXT_RESULT, a_call, a_job
from tests.unit.http.calls import OPERATOR, OWNER, USER, Api, an_event, reply
from tests.unit.http.test_replay_job import ANSWER, INPUT
from tests.unit.jobs.settling import World

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from tests.unit.http.calls import Reply

GONE: dict[str, Any] = {"expires_at_seconds": 1}


def stored(api: Api, status: str = "succeeded", **fields: Any) -> Job:
    """A job of an owner who is neither caller, with all that it may be replayed from."""
    job = a_job(status, **{"owner": OTHER_OWNER, "input": INPUT, "expires_at_seconds": 2**33, **fields})
    api.jobs.add(job)
    api.jobs.put_request(job, {"form": "text"}, models=["nova-pro"])
    api.jobs.calls[job.id, 1] = a_call(1, "succeeded", answer=ANSWER)
    return job


def read(api: Api, path: str, caller: Caller, **query: str) -> Reply:
    return api.read(an_event("GET", path, caller=caller, query={name: [text] for name, text in query.items()} or None))


def replay(api: Api, job: Job, caller: Caller, body: str = "{}", **headers: str) -> Reply:
    sent = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    return api.submit(an_event("POST", f"/v1/jobs/{job.id}/replay", caller=caller, body=body, headers=sent))


@pytest.mark.parametrize("action", ["", "/events", "/diff"])
def test_an_operator_reads_anybodys_job_until_it_expires_and_a_user_does_not(action: str) -> None:
    api = Api()
    job, gone = stored(api), stored(api, **GONE)
    asked = {"with": job.id} if action == "/diff" else {}
    assert read(api, f"/v1/jobs/{job.id}{action}", OPERATOR, **asked).status == 200
    assert TEXT_RESULT["text"] in read(api, f"/v1/jobs/{job.id}", OPERATOR).text
    for job_id, caller in ((gone.id, OPERATOR), (job.id, USER)):
        answer = read(api, f"/v1/jobs/{job_id}{action}", caller, **asked)
        assert (answer.status, answer.json["code"]) == (404, "job_not_found")


def test_an_operator_cancels_anybodys_job_until_it_expires_and_its_event_names_its_owner() -> None:
    world = World()
    job = world.has(a_job("running", owner=OTHER_OWNER, expires_at_seconds=2**33))
    gone = world.has(a_job("running", owner=OTHER_OWNER, **GONE))

    def cancel(job_id: str, caller: Caller) -> Reply:
        return reply(
            resolve(cancel_api(world.settlement), an_event("POST", f"/v1/jobs/{job_id}/cancel", caller=caller), None)
        )

    assert cancel(job.id, USER).status == 404
    assert cancel(gone.id, OPERATOR).status == 404
    assert world.now(gone).status is JobStatus.RUNNING
    answer = cancel(job.id, OPERATOR)
    assert (answer.status, answer.json["status"], answer.json["owner"]) == (202, "canceled", OTHER_OWNER)
    ((_, event),) = world.bus.published
    assert event["metadata"]["owner"] == OTHER_OWNER


@pytest.mark.parametrize("mode", ["live", "recorded"])
def test_what_an_operator_replays_stays_with_the_owner_of_the_source(mode: str) -> None:
    api = Api()
    source = stored(api)
    answer = replay(api, source, OPERATOR, f'{{"mode":"{mode}"}}')
    assert (answer.status, answer.json["owner"], answer.json["replay_of"]) == (202, OTHER_OWNER, source.id)
    assert read(api, f"/v1/jobs/{answer.json['id']}", OPERATOR).status == 200
    assert read(api, "/v1/jobs", OPERATOR).json["data"] == []


def test_the_key_of_a_replay_is_the_operators_and_finds_the_job_that_is_anothers() -> None:
    api = Api()
    source = stored(api)
    first, again = (replay(api, source, OPERATOR, Idempotency_Key="k") for _ in range(2))
    assert (again.status, again.json["id"]) == (202, first.json["id"])
    assert again.headers["idempotency-replayed"] == "true"
    assert {owner for owner, _ in api.records.records} == {OPERATOR.owner}
    assert len(api.workflow.started) == 1


def test_an_operator_lists_their_own_jobs_and_with_owner_those_of_another() -> None:
    api = Api()
    theirs, mine = stored(api), stored(api, owner=OPERATOR.owner)

    def listed(caller: Caller, **query: str) -> list[str]:
        return [job["id"] for job in read(api, "/v1/jobs", caller, **query).json["data"]]

    assert listed(OPERATOR) == [mine.id]
    assert listed(OPERATOR, owner=OTHER_OWNER) == [theirs.id]
    assert listed(OPERATOR, owner=OTHER_OWNER, status="failed") == []


@pytest.mark.parametrize("owner", [OTHER_OWNER, OWNER])
def test_nobody_else_may_say_whose_jobs(owner: str) -> None:
    answer = read(Api(), "/v1/jobs", USER, owner=owner)
    assert (answer.status, answer.json["code"]) == (403, "forbidden")


def test_a_cursor_is_good_for_the_owner_it_was_made_for() -> None:
    api = Api()
    for owner in (OTHER_OWNER, OTHER_OWNER, OPERATOR.owner, OPERATOR.owner):
        stored(api, owner=owner)
    theirs = read(api, "/v1/jobs", OPERATOR, owner=OTHER_OWNER, limit="1").json["next_cursor"]
    mine = read(api, "/v1/jobs", OPERATOR, limit="1").json["next_cursor"]
    assert read(api, "/v1/jobs", OPERATOR, owner=OTHER_OWNER, cursor=theirs).status == 200
    for query in ({"cursor": theirs}, {"cursor": mine, "owner": OTHER_OWNER}, {"cursor": theirs, "owner": OWNER}):
        answer = read(api, "/v1/jobs", OPERATOR, **query)
        assert (answer.status, answer.json["code"]) == (400, "invalid_parameter")
