"""An event the bus does not take waits in a queue, and the job goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from botocore.validate import ParamValidator

from promptmill.events.envelope import outcome_event_id
from promptmill.jobs.model import JobStatus
from tests.workflows.cases import Case, case
from tests.workflows.machines import Change, Machine, Missing, missing

if TYPE_CHECKING:
    from tests.workflows.cases import Runs

ACCEPTED = case("accepted_event_parked", machine=missing("EventBusName", "AnnounceAccepted"))
SUCCEEDED = case("succeeded_event_parked", machine=missing("EventBusName", "PublishOutcome"), slow=True)
REJECTED = case(
    "rejected_event_parked",
    machine=missing("EventBusName", "PublishRefusal"),
    before=lambda world, job: world.set_arrival_time(job, 2_000_000_000_000),
    slow=True,
)
FAILED = case(
    "failed_event_parked", machine=missing("EventBusName", "PublishRefusal"), chat=[{"status": 400}], slow=True
)
EXPIRED = case("expired_event_parked", machine=missing("EventBusName", "PublishRefusal"), deadline_in_ms=-1, slow=True)
UNDELIVERED = case(
    "event_undelivered",
    machine=Machine((Change("EventBusName", Missing()), Change("ParkedEventsQueueUrl", Missing()))),
    slow=True,
)
OUTCOMES = [
    (SUCCEEDED, JobStatus.SUCCEEDED, "JobSucceeded"),
    (REJECTED, JobStatus.REJECTED, "JobRejected"),
    (FAILED, JobStatus.FAILED, "JobFailed"),
    (EXPIRED, JobStatus.EXPIRED, "StopExpired"),
]


def test_a_job_whose_acceptance_could_not_be_published_runs_all_the_same(runs: Runs) -> None:
    run = runs.of(ACCEPTED)
    assert run.execution.attempts("AnnounceAccepted") == 4
    assert run.execution.states[:3] == ["AnnounceAccepted", "ParkAccepted", "CheckRate"]
    assert run.job.status is JobStatus.SUCCEEDED
    assert run.event_names == ["job.succeeded"]
    assert [message["DetailType"] for message in run.parked] == ["job.accepted"]


@pytest.mark.parametrize(("one", "status", "ending"), OUTCOMES, ids=str)
def test_an_outcome_that_could_not_be_published_is_parked_and_the_job_keeps_its_end(
    runs: Runs, one: Case, status: JobStatus, ending: str
) -> None:
    run = runs.of(one)
    publisher = "PublishOutcome" if status is JobStatus.SUCCEEDED else "PublishRefusal"
    assert run.execution.attempts(publisher) == 7
    assert run.execution.states[-3:] == ["CloseJob", "ChooseByStatus", ending]
    assert run.job.status is status
    assert run.event_names == ["job.accepted"]
    (message,) = run.parked
    detail = json.loads(message["Detail"])
    assert detail["metadata"]["id"] == outcome_event_id(run.job.id)
    assert detail["data"]["status"] == status


@pytest.mark.parametrize("one", [ACCEPTED, SUCCEEDED, REJECTED, FAILED, EXPIRED], ids=str)
def test_a_parked_event_is_an_entry_that_put_events_takes_as_it_is(runs: Runs, one: Case) -> None:
    (message,) = runs.of(one).parked
    put_events = runs.world.stack.client("events").meta.service_model.operation_model("PutEvents")
    report = ParamValidator().validate({"Entries": [message]}, put_events.input_shape)
    assert not report.has_errors(), report.generate_report()
    status = json.loads(message["Detail"])["data"]["status"]
    assert {name: text for name, text in message.items() if name != "Detail"} == {
        "EventBusName": runs.world.stack.bus_name,
        "Source": "promptmill.jobs",
        "DetailType": f"job.{'accepted' if one is ACCEPTED else status}",
    }


def test_a_job_whose_events_neither_bus_nor_queue_takes_is_failed_and_stops_where_a_redrive_goes_on(runs: Runs) -> None:
    run = runs.of(UNDELIVERED)
    given_up = ["AnnounceAccepted", "ParkAccepted", "RecordFailure", "PublishRefusal", "ParkOutcome"]
    assert run.execution.states == given_up
    assert run.execution.attempts("ParkAccepted") == run.execution.attempts("ParkOutcome") == 9
    assert run.execution.status == "FAILED"
    assert run.events == run.parked == []
    assert run.job.status is JobStatus.FAILED
    assert run.job.error == {"code": "internal_error", "step": "ParkAccepted"}
    assert (run.swept.verdict, run.swept.event_names) == ("announced", ["job.failed"])
