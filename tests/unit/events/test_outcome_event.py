"""The last event of a job, made from what is stored, is the one its workflow would have published."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from promptmill.clock import epoch_ms, timestamp
from promptmill.events.envelope import outcome_event
from promptmill.jobs.intake import initial_state
from promptmill.jobs.model import Job, JobStatus
from promptmill.jobs.records import NOTHING_PAID, job_item
from tests.support.builders import AT_MS, COST, PROMPT, TEXT_RESULT, TEXT_USAGE, a_job, some_limits
from tests.support.published import check_event
from tests.unit.core.asl import evaluate, states

PAID = {"model_usd": "0.0123", "estimated": True}
FINISHED_AT = timestamp(AT_MS + 12_345)


def of_the_workflow(state: str, job: Job, **variables: Any) -> dict[str, Any]:
    """What the state assigns as the event once it has written the job as it is stored."""
    event: dict[str, Any] = evaluate(
        states()[state]["Assign"]["event"],
        {
            "job": initial_state(replace(job, status=JobStatus.QUEUED), some_limits()),
            "states": {"result": {"Attributes": job_item(job)}},
            **variables,
        },
    )
    return event


def over(status: str, **fields: Any) -> Job:
    return a_job(status, finished_at=FINISHED_AT, metadata={"order": "7"}, **fields)


def test_a_success_is_told_alike() -> None:
    job = over("succeeded", usage=TEXT_USAGE, cost=COST)
    outcome = {"usage": TEXT_USAGE, "cost": COST}
    assert outcome_event(job) == of_the_workflow("PersistResult", job, outcome=outcome)


@pytest.mark.parametrize("cost", [NOTHING_PAID, PAID])
def test_a_rejection_is_told_alike(cost: dict[str, Any]) -> None:
    job = over("rejected", error={"code": "content_blocked", "step": "InvokeBedrock"}, cost=cost)
    refusal = {"refusal": "content_blocked", "step": "InvokeBedrock"}
    assert outcome_event(job) == of_the_workflow("RecordRejection", job, **refusal)


@pytest.mark.parametrize("cost", [NOTHING_PAID, PAID])
@pytest.mark.parametrize(
    ("status", "failure", "code"),
    [("failed", "ProviderTimeout", "provider_timeout"), ("expired", "DeadlinePassed", "deadline_passed")],
)
def test_a_failure_and_a_passed_deadline_are_told_alike(
    status: str, failure: str, code: str, cost: dict[str, Any]
) -> None:
    job = over(status, error={"code": code, "step": "InvokeFlux"}, cost=cost)
    variables = {"failure": {"Error": failure}, "step": "InvokeFlux"}
    assert outcome_event(job) == of_the_workflow("RecordFailure", job, **variables)


@pytest.mark.parametrize(("state", "attribute"), [("RecordRejection", ":free"), ("RecordFailure", ":free")])
def test_nothing_paid_is_written_alike(state: str, attribute: str) -> None:
    written = states()[state]["Arguments"]["ExpressionAttributeValues"][attribute]["S"]
    assert json.loads(written) == NOTHING_PAID


def test_a_cancel_is_told_with_its_cost_and_without_an_error_or_usage() -> None:
    job = over("canceled", error=None, cost=PAID, usage=TEXT_USAGE, result=TEXT_RESULT)
    event = outcome_event(job)
    assert event["data"] == {
        "kind": "enhance",
        "status": "canceled",
        "links": {"self": job.self_url},
        "metadata": {"order": "7"},
        "duration_ms": 12_345,
        "cost": PAID,
    }
    assert event["metadata"]["occurred_at"] == FINISHED_AT
    assert event["metadata"]["sequence"] == 3


@pytest.mark.parametrize("status", ["succeeded", "failed", "rejected", "canceled", "expired"])
@pytest.mark.parametrize("kind", ["enhance", "image"])
def test_every_outcome_is_what_its_schema_promises(status: str, kind: str) -> None:
    usage = {"model": "flux-schnell", "images": 1, "truncated": False, "fallback": False}
    job = over(status, kind=kind, cost=PAID, usage=TEXT_USAGE if kind == "enhance" else usage)
    code = {"expired": "deadline_passed", "rejected": "content_blocked"}.get(status, "internal_error")
    has_none = status in {"succeeded", "canceled"}
    job = replace(job, error=None if has_none else {"code": code, "step": "InvokeBedrock"})
    check_event(f"job.{status}", outcome_event(job))
    assert PROMPT not in json.dumps(outcome_event(job))
    assert TEXT_RESULT["text"] not in json.dumps(outcome_event(job))


def test_a_duration_is_from_acceptance_to_the_end() -> None:
    job = over("failed")
    assert outcome_event(job)["data"]["duration_ms"] == epoch_ms(FINISHED_AT) - epoch_ms(job.created_at)


BEFORE_IT_BEGAN = timestamp(AT_MS - 89_998)


@pytest.mark.parametrize(
    ("status", "state", "variables"),
    [
        ("succeeded", "PersistResult", {"outcome": {"usage": TEXT_USAGE, "cost": COST}}),
        ("rejected", "RecordRejection", {"refusal": "content_blocked", "step": "InvokeBedrock"}),
        ("failed", "RecordFailure", {"failure": {"Error": "ProviderTimeout"}, "step": "InvokeFlux"}),
    ],
)
def test_a_job_that_by_another_clock_ended_before_it_began_took_no_time(
    status: str, state: str, variables: dict[str, Any]
) -> None:
    error = {"rejected": "content_blocked", "failed": "provider_timeout"}.get(status)
    told = error and {"code": error, "step": variables["step"]}
    job = replace(over(status, usage=TEXT_USAGE, cost=COST, error=told), finished_at=BEFORE_IT_BEGAN)
    for event in (outcome_event(job), of_the_workflow(state, job, **variables)):
        assert event["data"]["duration_ms"] == 0
        check_event(f"job.{status}", event)
