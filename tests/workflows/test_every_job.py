"""What holds for every job, however it went: its books, its events, its ending."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from promptmill.clock import derived_id, epoch_ms
from promptmill.events.envelope import outcome_event_id
from promptmill.jobs.ledger import CallStatus
from promptmill.jobs.model import JobStatus
from promptmill.providers.cost import format_usd
from tests.support.published import check_bus_event
from tests.workflows.cases import all_cases

if TYPE_CHECKING:
    from tests.workflows.cases import Case, Runs

CASES = all_cases()
# What the end of an execution says of its job.
EXECUTION_OF = {
    JobStatus.SUCCEEDED: "SUCCEEDED",
    JobStatus.REJECTED: "SUCCEEDED",
    JobStatus.CANCELED: "ABORTED",
    JobStatus.FAILED: "FAILED",
    JobStatus.EXPIRED: "ABORTED",
    JobStatus.RUNNING: "FAILED",
    JobStatus.QUEUED: "FAILED",
}
# Their status had nowhere to go.
UNSETTLED = {"no_table_for_the_failure", "no_table_for_the_status"}
UNSTOPPED = {"expired_unstoppable", "canceled_unstoppable"}
# What the sweeper does with a job, where its executions left it something.
LEFT_OPEN = {
    "no_table_for_the_failure": "expired",
    "no_table_for_the_status": "succeeded",
    "no_table_to_close_a_success": "announced",
    "no_table_to_close_a_failure": "announced",
    "no_table_to_release": "announced",
    "event_undelivered": "announced",
}

pytestmark = pytest.mark.parametrize("case", CASES, ids=str)


def test_every_provider_call_has_a_ledger_row_and_every_row_is_settled(runs: Runs, case: Case) -> None:
    run = runs.of(case)
    unreached = {"ProviderUnavailable"} if case.machine.changes else set()
    asked = [call for call in run.calls if call.model != "rules" and call.step != "ReplayRecorded"]
    rows = [call for call in asked if call.error not in unreached]
    assert len(run.provider_calls) == len(rows)
    assert [call.number for call in run.calls] == list(range(1, len(run.calls) + 1))
    assert all(call.status is not CallStatus.STARTED and call.finished_at for call in run.calls)


def test_the_cost_of_the_job_is_the_sum_of_its_rows(runs: Runs, case: Case) -> None:
    run = runs.of(case)
    settled = [call.cost_usd for call in run.calls if call.cost_usd is not None]
    assert len(settled) == len(run.calls)
    booked = Decimal(run.job.cost["model_usd"]) if run.job.cost else Decimal(0)
    assert format_usd(booked) == format_usd(sum(settled, Decimal(0)))
    assert (run.job.cost or {}).get("estimated", False) is any(call.estimated for call in run.calls)


def test_a_job_that_is_over_says_when_and_its_execution_agrees(runs: Runs, case: Case) -> None:
    run = runs.of(case)
    assert run.job.status.is_terminal is (case.name not in UNSETTLED)
    if case.name not in UNSTOPPED:
        # A second execution of a job that is settled stops itself.
        assert EXECUTION_OF[run.job.status] in {execution.status for execution in run.executions}
    if run.job.status.is_terminal:
        assert run.job.finished_at is not None
        assert epoch_ms(run.job.finished_at) >= epoch_ms(run.job.created_at)
    assert (run.job.error is not None) is (run.job.status in {JobStatus.FAILED, JobStatus.REJECTED, JobStatus.EXPIRED})


def test_exactly_the_expected_events_went_out_or_were_parked(runs: Runs, case: Case) -> None:
    run = runs.of(case)
    sent = {e["detail"]["metadata"]["id"] for e in run.events} | {
        json.loads(p["Detail"])["metadata"]["id"] for p in run.parked
    }
    expected = {derived_id("evt", run.job.id, "accepted")}
    if run.job.status.is_terminal and run.job.status is not JobStatus.CANCELED:
        expected.add(outcome_event_id(run.job.id))
    assert sent == (set() if case.name == "event_undelivered" else expected)


def test_the_sweeper_finishes_what_the_executions_left_and_nothing_else(runs: Runs, case: Case) -> None:
    """A job that another writer canceled here was canceled behind the back of who would have said so."""
    run = runs.of(case)
    expected = "announced" if run.job.status is JobStatus.CANCELED else LEFT_OPEN.get(case.name)
    assert run.swept.verdict == expected
    assert run.swept.job.due_at is None
    assert run.swept.job.status.is_terminal
    assert run.job.status in {run.swept.job.status, JobStatus.RUNNING}


def test_its_events_are_what_the_catalogue_says_and_say_nothing_of_the_prompt(runs: Runs, case: Case) -> None:
    run = runs.of(case)
    parked = [
        {"detail-type": entry["DetailType"], "source": entry["Source"], "detail": json.loads(entry["Detail"])}
        for entry in run.parked
    ]
    for event in [*run.events, *parked]:
        check_bus_event(event)
        detail = event["detail"]
        assert detail["metadata"]["job_id"] == run.job.id
        assert detail["metadata"]["owner"] == run.job.owner
        assert run.token not in json.dumps(detail)


def test_the_history_has_no_user_text_in_it(runs: Runs, case: Case) -> None:
    for execution in runs.of(case).executions:
        assert runs.of(case).token not in json.dumps(execution.history, default=str)
