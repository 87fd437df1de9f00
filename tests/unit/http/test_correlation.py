"""One id leads from the request that made a job to every line about the job, and to its events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from promptmill.http.cancel_routes import cancel_api
from promptmill.http.read_routes import read_api
from promptmill.http.redrive_routes import redrive_api
from promptmill.http.resolver import resolve
from promptmill.jobs.execution.reading import ExecutionReader
from tests.support.builders import TEXT_RESULT, a_job
from tests.unit.execution.fakes import FakeExecutions, MemoryLedger
from tests.unit.execution.histories import failed_in
from tests.unit.http.calls import OPERATOR, OWNER, REQUEST_ID, Api, an_event
from tests.unit.jobs.chunks import MemoryChunks
from tests.unit.jobs.fakes import MemoryArtifacts
from tests.unit.jobs.settling import World

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler import APIGatewayRestResolver

    from tests.unit.http.conftest import LogLines

MADE_BY = "the-request-that-made-it"
BODY = {"kind": "enhance", "prompt": "Explain how tides work to a class."}


class Routes:
    """Every route about one job that is there, over one world."""

    def __init__(self) -> None:
        self.world = World()
        self.job = self.world.has(
            a_job("running", owner=OWNER, result=TEXT_RESULT, correlation_id=MADE_BY, expires_at_seconds=2**33)
        )
        jobs = self.world.jobs
        executions = FakeExecutions({self.job.id: failed_in("PersistResult")})
        reading = read_api(
            jobs,
            MemoryArtifacts(),
            executions=ExecutionReader(executions, MemoryLedger(jobs), has_console=True),
            chunks=MemoryChunks(jobs),
            wait_for_news=lambda look, _budget_ms: look(),
        )
        self._apis: dict[str, APIGatewayRestResolver] = {
            "": reading,
            "/execution": reading,
            "/events": reading,
            "/diff": reading,
            "/cancel": cancel_api(self.world.settlement),
            "/redrive": redrive_api(jobs, executions),
        }

    def ask(self, method: str, below: str) -> None:
        query = {"with": [self.job.id]} if below == "/diff" else None
        event = an_event(method, f"/v1/jobs/{self.job.id}{below}", query=query, caller=OPERATOR)
        assert resolve(self._apis[below], event, None)["statusCode"] < 300


@pytest.mark.parametrize(
    ("method", "below"),
    [
        ("GET", ""),
        ("GET", "/execution"),
        ("GET", "/events"),
        ("GET", "/diff"),
        ("POST", "/cancel"),
        ("POST", "/redrive"),
    ],
)
def test_a_request_about_a_job_says_which_request_made_the_job(log: LogLines, method: str, below: str) -> None:
    routes = Routes()
    routes.ask(method, below)
    line = log.facts[-1]
    assert {name: line[name] for name in ("request_id", "job_id", "correlation_id")} == {
        "request_id": REQUEST_ID,
        "job_id": routes.job.id,
        "correlation_id": MADE_BY,
    }


def test_the_id_of_the_request_that_makes_a_job_goes_with_its_execution_and_its_events(log: LogLines) -> None:
    api = Api()
    api.post("/v1/jobs", BODY)
    (state,) = api.workflow.started.values()
    assert state["correlation_id"] == state["event"]["metadata"]["correlation_id"] == REQUEST_ID
    assert log.facts[-1]["correlation_id"] == REQUEST_ID


def test_a_repeat_of_a_key_says_which_request_made_the_job(log: LogLines) -> None:
    api = Api()
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k-1"}
    first, again = (an_event("POST", "/v1/jobs", body=json.dumps(BODY), headers=headers) for _ in range(2))
    first["requestContext"]["requestId"] = MADE_BY
    assert api.submit(first).json["id"] == api.submit(again).json["id"]
    assert (log.facts[-1]["request_id"], log.facts[-1]["correlation_id"]) == (REQUEST_ID, MADE_BY)
