"""POST /v1/jobs/{job_id}/redrive."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from promptmill import errors
from promptmill.http.redrive_routes import redrive_api
from promptmill.http.resolver import resolve
from promptmill.identity.caller import Caller
from tests.support.builders import OTHER_OWNER, TEXT_RESULT, a_call, a_job, a_job_id
from tests.unit.execution.fakes import FakeExecutions
from tests.unit.execution.histories import History, failed_in
from tests.unit.http.calls import OPERATOR, USER, Reply, an_event, reply
from tests.unit.http.test_openapi_answers import holds
from tests.unit.jobs.fakes import MemoryJobStore

OPERATION = ("post", "/v1/jobs/{job_id}/redrive")


class Redriving:
    """The route over one job that has a result, and whose execution failed in a step."""

    def __init__(
        self, history: History | None = None, *, error: errors.PromptmillError | None = None, **fields: Any
    ) -> None:
        self.jobs = MemoryJobStore()
        self.job = a_job("running", **{"owner": OTHER_OWNER, "expires_at_seconds": 2**33, **fields})
        self.jobs.add(self.job)
        self.jobs.calls[self.job.id, 1] = a_call(1, "succeeded", cost_usd=Decimal("0.000412"))
        self.executions = FakeExecutions({self.job.id: history or failed_in("PersistResult")}, error=error)

    def post(self, job_id: str | None = None, *, caller: Caller | None = OPERATOR) -> Reply:
        event = an_event("POST", f"/v1/jobs/{job_id or self.job.id}/redrive", caller=caller)
        return reply(resolve(redrive_api(self.jobs, self.executions), event, None))


def test_an_operator_is_told_where_anybodys_execution_goes_on_and_what_that_saves(document: dict[str, Any]) -> None:
    redriving = Redriving(result=TEXT_RESULT)
    answer = redriving.post()
    assert (answer.status, answer.json) == (
        202,
        {
            "object": "redrive",
            "job_id": redriving.job.id,
            "redriven_from": "PersistResult",
            "saved_usd": "0.000412",
        },
    )
    assert redriving.executions.redriven == [redriving.job.id]
    holds(document, OPERATION, answer)


def test_what_cannot_go_on_is_a_conflict_that_says_why(document: dict[str, Any]) -> None:
    redriving = Redriving(History().through(1, 5, "PersistResult").ended(9))
    answer = redriving.post()
    assert (answer.status, answer.json["code"], answer.json["retryable"]) == (409, "not_redrivable", False)
    assert answer.json["detail"] == "The execution succeeded. Replay the job to run it again."
    assert redriving.executions.redriven == []
    holds(document, OPERATION, answer)


@pytest.mark.parametrize(("caller", "status"), [(None, 401), (USER, 403)])
def test_it_is_for_operators(document: dict[str, Any], caller: Caller | None, status: int) -> None:
    redriving = Redriving(result=TEXT_RESULT)
    answer = redriving.post(caller=caller)
    assert answer.status == status
    assert redriving.executions.redriven == []
    holds(document, OPERATION, answer)


def test_a_job_that_never_was_or_is_past_its_expiry_is_not_found(document: dict[str, Any]) -> None:
    gone = Redriving(result=TEXT_RESULT, expires_at_seconds=1)
    for answer in (gone.post(), gone.post(a_job_id()), gone.post("job_x")):
        assert (answer.status, answer.json["code"]) == (404, "job_not_found")
        holds(document, OPERATION, answer)
    assert gone.executions.redriven == []


def test_a_workflow_that_does_not_answer_is_a_503(document: dict[str, Any]) -> None:
    answer = Redriving(error=errors.WorkflowUnavailable()).post()
    assert (answer.status, answer.json["code"]) == (503, "workflow_unavailable")
    holds(document, OPERATION, answer)
