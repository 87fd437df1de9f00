"""GET /v1/jobs/{job_id}/diff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptmill.jobs.replay.diff import job_diff
from tests.support.builders import OTHER_OWNER, a_job, a_job_id
from tests.unit.http.calls import OWNER, Api
from tests.unit.jobs.fakes import MemoryJobStore

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from tests.unit.http.calls import Reply


def mine(api: Api, status: str = "succeeded", **fields: Any) -> Job:
    job = a_job(status, **{"owner": OWNER, "expires_at_seconds": 2**33, **fields})
    api.jobs.add(job)
    return job


def diff(api: Api, job_id: str, *other_ids: str, **more: list[str]) -> Reply:
    return api.get(f"/v1/jobs/{job_id}/diff", query={"with": list(other_ids), **more} if other_ids else more or None)


class CountingStore(MemoryJobStore):
    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def get(self, job_id: str, owner: str | None, *, at_ms: int | None = None) -> Job:
        self.reads += 1
        return super().get(job_id, owner, at_ms=at_ms)


def test_two_of_ones_own_jobs_are_compared_in_two_reads() -> None:
    jobs = CountingStore()
    api = Api(jobs=jobs)
    one, other = mine(api), mine(api, result={"text": "Another.", "type": "content"})
    answer = diff(api, one.id, other.id)
    assert (answer.status, answer.json) == (200, job_diff(one, other))
    assert (answer.json["from"]["id"], answer.json["to"]["id"]) == (one.id, other.id)
    assert answer.headers["cache-control"] == "private, no-cache"
    assert jobs.reads == 2


def test_a_parameter_it_does_not_know_is_refused() -> None:
    api = Api()
    answer = diff(api, mine(api).id, mine(api, "failed").id, colour=["red"])
    assert (answer.status, answer.json["code"]) == (400, "invalid_parameter")


@pytest.mark.parametrize(
    "other_ids", [(), ("",), ("x",), ("job_x",), ("evt_01ARZ3NDEKTSV4RRFFQ69G5FAV",), ("a" * 5000,)]
)
def test_without_the_id_of_another_job_there_is_nothing_to_compare(other_ids: tuple[str, ...]) -> None:
    api = Api(jobs=CountingStore())
    answer = diff(api, mine(api).id, *other_ids)
    assert (answer.status, answer.json["code"]) == (400, "invalid_parameter")
    assert "with" in answer.json["detail"]


def test_one_job_is_compared_with_one_other() -> None:
    api = Api()
    one, other = mine(api), mine(api)
    answer = diff(api, one.id, other.id, other.id)
    assert (answer.status, answer.json["code"]) == (400, "invalid_parameter")


def test_a_job_that_is_not_ones_own_is_unknown_on_either_side() -> None:
    api = Api()
    one, foreign, gone = mine(api), mine(api, owner=OTHER_OWNER), mine(api, expires_at_seconds=1)
    unknown = [foreign.id, gone.id, a_job_id()]
    answers = [diff(api, one.id, job_id) for job_id in unknown] + [diff(api, job_id, one.id) for job_id in unknown]
    assert [answer.status for answer in answers] == [404] * 6
    problems = [{name: value for name, value in answer.json.items() if name != "instance"} for answer in answers]
    assert all(problem == problems[0] for problem in problems)
    assert diff(api, "job_x", one.id).status == 404
