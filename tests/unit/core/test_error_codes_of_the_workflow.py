"""RecordFailure turns the name of an error into the code callers read. Its expression is run as it stands."""

from __future__ import annotations

import json

import pytest

from promptmill.errors import error_classes
from tests.unit.core.asl import evaluate, states

# These never reach RecordFailure as our failure: they branch elsewhere, belong to HTTP, or are families nobody raises.
INTERNAL = {
    "PromptmillError",
    "Refused",
    "TransientError",
    "BrokenContractError",
    "BusUnavailable",
    "QueueUnavailable",
    "InvalidHeader",
    "InvalidParameter",
    "NothingRecorded",
    "NotRedrivable",
    "IdempotencyMismatch",
    "RequestInFlight",
    "MalformedBody",
    "UnsupportedMediaType",
    "BodyTooLarge",
    "Unauthenticated",
    "Forbidden",
    "IssuerUnavailable",
    "ApiKeyNotFound",
    "ApiKeyEnded",
    "SubjectNotFound",
    "WebhookNotFound",
    "DeliveryNotFound",
    "TooManyWebhooks",
    "JobNotFound",
    "JobSettled",
    "RateLimited",
    "BudgetExhausted",
    "ContentBlocked",
}


def recorded(error_name: str, step: str = "InvokeBedrock") -> dict[str, str]:
    """What RecordFailure writes as the job's error."""
    values = states()["RecordFailure"]["Arguments"]["ExpressionAttributeValues"]
    written: dict[str, str] = json.loads(
        evaluate(values[":error"]["S"], {"failure": {"Error": error_name}, "step": step})
    )
    return written


def status_for(error_name: str) -> str:
    values = states()["RecordFailure"]["Arguments"]["ExpressionAttributeValues"]
    status: str = evaluate(values[":failed"]["S"], {"failure": {"Error": error_name}})
    return status


@pytest.mark.parametrize("name", sorted(set(error_classes()) - INTERNAL))
def test_an_error_of_ours_is_recorded_under_its_own_code(name: str) -> None:
    assert recorded(name) == {"code": error_classes()[name].code, "step": "InvokeBedrock"}


@pytest.mark.parametrize("name", sorted(INTERNAL))
def test_an_error_that_has_no_business_there_is_an_internal_one(name: str) -> None:
    assert recorded(name)["code"] == "internal_error"


@pytest.mark.parametrize(
    "name",
    [
        "States.Timeout",
        "States.TaskFailed",
        "States.DataLimitExceeded",
        "Lambda.Unknown",
        "Lambda.TooManyRequestsException",
        "Sandbox.Timedout",
        "Runtime.ExitError",
        "DynamoDB.ProvisionedThroughputExceededException",
        "KeyError",
        "TypeError",
        "Provider",
        "Providerless",
        "ModelErrorException",
        "InvalidRequestException",
        "StoreUnavailableNow",
        "MyModelNotFound",
    ],
)
def test_what_else_can_stop_a_step_is_an_internal_error(name: str) -> None:
    assert recorded(name)["code"] == "internal_error"


def test_the_step_that_gave_up_is_recorded() -> None:
    assert recorded("ProviderTimeout", step="InvokeFlux") == {"code": "provider_timeout", "step": "InvokeFlux"}


@pytest.mark.parametrize("name", [*sorted(error_classes()), "States.Timeout"])
def test_only_a_passed_deadline_makes_a_job_expired(name: str) -> None:
    assert status_for(name) == ("expired" if name == "DeadlinePassed" else "failed")


def test_every_code_of_a_rejection_belongs_to_a_refusal() -> None:
    refusals = {
        catcher["Assign"]["refusal"]
        for state in states().values()
        for catcher in state.get("Catch", [])
        if "refusal" in catcher.get("Assign", {})
    }
    assert refusals == {"rate_limited", "budget_exhausted", "content_blocked"}
    assert refusals <= {cls.code for cls in error_classes()["Refused"].__subclasses__()}
