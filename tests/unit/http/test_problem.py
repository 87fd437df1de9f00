"""Errors as problem documents: which status each has, and what those without one say."""

from __future__ import annotations

import pytest

from promptmill.errors import InvalidInput, PromptmillError, RateLimited, error_classes
from promptmill.http.problem import problem_of

STATUS = {
    "InvalidInput": 422,
    "InvalidHeader": 400,
    "IdempotencyMismatch": 422,
    "InvalidParameter": 400,
    "JobSettled": 409,
    "NothingRecorded": 409,
    "NotRedrivable": 409,
    "RequestInFlight": 409,
    "MalformedBody": 400,
    "UnsupportedMediaType": 415,
    "BodyTooLarge": 413,
    "ApiKeyNotFound": 404,
    "ApiKeyEnded": 409,
    "SubjectNotFound": 404,
    "WebhookNotFound": 404,
    "DeliveryNotFound": 404,
    "TooManyWebhooks": 409,
    "JobNotFound": 404,
    "RateLimited": 429,
    "Unauthenticated": 401,
    "Forbidden": 403,
    "StoreUnavailable": 503,
    "WorkflowUnavailable": 503,
    "QueueUnavailable": 503,
}
# What they say of themselves is for the log.
RETICENT = {"StoreUnavailable": "The store did not answer.", "QueueUnavailable": "The message could not be queued."}
OURS = sorted(set(error_classes()) - set(STATUS))


@pytest.mark.parametrize(("name", "status"), STATUS.items())
def test_what_a_caller_can_cause_or_wait_for_has_its_status_its_code_and_its_words(name: str, status: int) -> None:
    cls = error_classes()[name]
    found, document, _ = problem_of(cls("in these words"), instance="/v1/jobs", request_id="req-1")
    assert found == document["status"] == status
    assert document == {
        "type": "about:blank",
        "title": found.phrase,
        "status": status,
        "detail": RETICENT.get(name, "in these words"),
        "instance": "/v1/jobs",
        "code": cls.code,
        "request_id": "req-1",
        "retryable": cls.retryable,
    }


@pytest.mark.parametrize("name", OURS)
def test_any_other_error_is_a_fault_of_ours_that_says_nothing_more(name: str) -> None:
    error: PromptmillError = error_classes()[name]("the table arn:aws:dynamodb lacks a permission")
    status, document, headers = problem_of(error, instance="/v1/jobs", request_id="req-1")
    assert (status, headers) == (500, {})
    assert (document["code"], document["detail"]) == ("internal_error", "Something broke on our side.")


def test_findings_are_listed_with_their_places() -> None:
    error = InvalidInput("not valid", errors=(("/prompt", "too short"), ("/n", "too many")))
    _, document, _ = problem_of(error, instance="/", request_id="r")
    assert document["errors"] == [
        {"pointer": "/prompt", "detail": "too short"},
        {"pointer": "/n", "detail": "too many"},
    ]


@pytest.mark.parametrize(
    ("error", "headers"),
    [
        (RateLimited(retry_after_seconds=7), {"Retry-After": "7"}),
        (error_classes()["StoreUnavailable"](), {"Retry-After": "2"}),
        (error_classes()["JobNotFound"](), {}),
    ],
)
def test_only_what_passes_says_when_to_try_again(error: PromptmillError, headers: dict[str, str]) -> None:
    assert problem_of(error, instance="/", request_id="r")[2] == headers
