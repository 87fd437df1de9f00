"""The execution its owner sees: what each visit of a step cost, and what is not there yet."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from promptmill.clock import timestamp
from promptmill.jobs.execution.history import Execution, read_history
from promptmill.jobs.execution.view import calls_by_step, public_execution
from promptmill.jobs.ledger import Call, total_cost
from promptmill.providers.cost import format_usd
from tests.support.builders import AT_MS, COST, a_call, a_job
from tests.unit.execution.histories import History, two_retries

URL = "https://console.example/x"


def execution_of(history: History) -> Execution:
    execution = read_history(history.events)
    assert execution
    return execution


def a_call_at(at_ms: int, number: int = 1, status: str = "succeeded", **fields: Any) -> Call:
    return a_call(number, status, started_at=timestamp(AT_MS + at_ms), **fields)


def test_an_execution_shows_its_steps_their_attempts_and_what_they_cost() -> None:
    calls = [
        a_call_at(15, 1, "failed", cost_usd=Decimal(0), error="ProviderThrottled"),
        a_call_at(1025, 2, "failed", cost_usd=Decimal(0), error="ProviderThrottled"),
        a_call_at(3040, 3, cost_usd=Decimal("0.000412")),
    ]
    job = a_job("succeeded", cost=COST)
    view = public_execution(job, execution_of(two_retries("aws")), calls, console_url=URL)
    steps = view.pop("steps")
    assert view == {
        "object": "execution",
        "job_id": job.id,
        "name": job.id,
        "status": "SUCCEEDED",
        "started_at": "2026-11-21T10:00:00.000Z",
        "finished_at": "2026-11-21T10:00:03.103Z",
        "duration_ms": 3103,
        "console_url": URL,
        "cost": COST,
    }
    assert [(step["name"], step["cost_usd"]) for step in steps] == [
        ("ChooseProvider", None),
        ("InvokeBedrock", "0.000412"),
        ("JobSucceeded", None),
    ]
    bedrock = steps[1]
    assert bedrock.pop("attempts")[1] == {
        "started_at": "2026-11-21T10:00:01.020Z",
        "finished_at": "2026-11-21T10:00:01.030Z",
        "duration_ms": 10,
        "error": "ProviderThrottled",
    }
    assert bedrock == {
        "name": "InvokeBedrock",
        "started_at": "2026-11-21T10:00:00.011Z",
        "finished_at": "2026-11-21T10:00:03.101Z",
        "duration_ms": 3090,
        "waited_ms": 3000,
        "error": None,
        "cost_usd": "0.000412",
        "estimated": False,
    }


def test_no_cause_is_shown() -> None:
    view = public_execution(a_job(), execution_of(two_retries("aws")), [], console_url=None)
    assert "quotes the prompt" not in json.dumps(view)


def test_an_execution_that_is_not_there_is_shown_as_null_with_the_jobs_cost() -> None:
    job = a_job("succeeded", cost=COST)
    view = public_execution(job, None, [a_call()], console_url=URL)
    assert view == {
        "object": "execution",
        "job_id": job.id,
        "name": job.id,
        "status": None,
        "started_at": None,
        "finished_at": None,
        "duration_ms": None,
        "console_url": None,
        "steps": [],
        "cost": COST,
    }


def test_a_call_whose_end_nobody_saw_counts_at_its_upper_bound() -> None:
    calls = [a_call_at(15, 1, "started", upper_bound_usd=Decimal("0.01")), a_call_at(3040, 2, cost_usd=Decimal("0.2"))]
    view = public_execution(a_job(), execution_of(two_retries("aws")), calls, console_url=None)
    assert [(step["cost_usd"], step["estimated"]) for step in view["steps"]] == [
        (None, False),
        ("0.21", True),
        (None, False),
    ]


TWO_VISITS = (
    History()
    .entered(100, "InvokeBedrock").tried(101, 200, "ModelNotFound").left(200, "InvokeBedrock")
    .entered(201, "ChooseProvider", "Choice").left(202, "ChooseProvider", "Choice")
    .through(203, 300, "InvokeBedrock")
)  # fmt: skip


@pytest.mark.parametrize(
    ("at_ms", "visit"),
    [
        (100, 0), (150, 0), (200, 0), (203, 2), (250, 2),
        (201, 0),  # between two visits, by a clock that differs: the last one before it
        (9000, 2),
        (50, 0),  # before all of them
    ],
)  # fmt: skip
def test_a_call_belongs_to_the_visit_it_was_made_in(at_ms: int, visit: int) -> None:
    call = a_call_at(at_ms)
    paid = calls_by_step(execution_of(TWO_VISITS).steps, [call])
    assert [index for index, calls in enumerate(paid) if calls] == [visit]


def test_a_call_of_a_step_that_the_history_does_not_have_yet_belongs_to_none() -> None:
    assert calls_by_step(execution_of(TWO_VISITS).steps, [a_call_at(210, step="InvokeFlux")]) == [[], [], []]


def test_what_the_steps_cost_is_what_the_job_cost() -> None:
    calls = [
        a_call_at(110, 1, "failed", cost_usd=Decimal("0.000000001")),
        a_call_at(210, 2, cost_usd=Decimal("0.0123")),
        a_call_at(260, 3, "started"),
    ]
    view = public_execution(a_job(), execution_of(TWO_VISITS), calls, console_url=None)
    by_step = sum((Decimal(step["cost_usd"]) for step in view["steps"] if step["cost_usd"]), Decimal(0))
    assert format_usd(by_step) == format_usd(total_cost(calls).usd)
