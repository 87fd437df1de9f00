"""Errors as RFC 9457 problem documents."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from promptmill.errors import (
    ApiKeyEnded,
    ApiKeyNotFound,
    BodyTooLarge,
    DeliveryNotFound,
    Forbidden,
    IdempotencyMismatch,
    InvalidHeader,
    InvalidInput,
    InvalidParameter,
    JobNotFound,
    JobSettled,
    MalformedBody,
    NothingRecorded,
    NotRedrivable,
    PromptmillError,
    QueueUnavailable,
    RateLimited,
    RequestInFlight,
    StoreUnavailable,
    SubjectNotFound,
    TooManyWebhooks,
    Unauthenticated,
    UnsupportedMediaType,
    WebhookNotFound,
    WorkflowUnavailable,
)

CONTENT_TYPE = "application/problem+json"

_STATUS: dict[type[PromptmillError], HTTPStatus] = {
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidHeader: HTTPStatus.BAD_REQUEST,
    InvalidParameter: HTTPStatus.BAD_REQUEST,
    MalformedBody: HTTPStatus.BAD_REQUEST,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    IdempotencyMismatch: HTTPStatus.UNPROCESSABLE_ENTITY,
    RequestInFlight: HTTPStatus.CONFLICT,
    JobSettled: HTTPStatus.CONFLICT,
    NothingRecorded: HTTPStatus.CONFLICT,
    NotRedrivable: HTTPStatus.CONFLICT,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    JobNotFound: HTTPStatus.NOT_FOUND,
    ApiKeyNotFound: HTTPStatus.NOT_FOUND,
    ApiKeyEnded: HTTPStatus.CONFLICT,
    SubjectNotFound: HTTPStatus.NOT_FOUND,
    WebhookNotFound: HTTPStatus.NOT_FOUND,
    DeliveryNotFound: HTTPStatus.NOT_FOUND,
    # Nothing is wrong with the request: it is accepted once another webhook was deleted.
    TooManyWebhooks: HTTPStatus.CONFLICT,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    WorkflowUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    QueueUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
RETRY_AFTER_SECONDS = 2
# RFC 6750 §3, without an error code: a 401 says nothing of why.
CHALLENGE = 'Bearer realm="promptmill"'


def problem(
    status: HTTPStatus,
    *,
    code: str,
    detail: str,
    instance: str,
    request_id: str,
    retryable: bool = False,
    errors: tuple[tuple[str, str], ...] = (),
) -> dict[str, Any]:
    """The document. ``errors`` are (JSON pointer, what is wrong) pairs."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "instance": instance,
        "code": code,
        "request_id": request_id,
        "retryable": retryable,
    }
    if errors:
        document["errors"] = [{"pointer": pointer, "detail": text} for pointer, text in errors]
    return document


def status_of(error: PromptmillError) -> HTTPStatus:
    """The HTTP status of an error; one without a status of its own is a fault of ours."""
    return _STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)


def problem_of(
    error: PromptmillError, *, instance: str, request_id: str
) -> tuple[HTTPStatus, dict[str, Any], dict[str, str]]:
    """Status, document and extra headers of an error. A fault of ours says no more than that it is one."""
    status = status_of(error)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return status, internal_problem(instance=instance, request_id=request_id), {}
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = CHALLENGE
    elif isinstance(error, RateLimited):
        headers["Retry-After"] = str(error.retry_after_seconds)
    elif isinstance(error, RequestInFlight):
        headers["Retry-After"] = "1"
    elif status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    errors = error.errors if isinstance(error, InvalidInput) else ()
    document = problem(
        status,
        code=error.code,
        # What a store or a queue says of itself is for the log.
        detail=(error.__doc__ or "").strip()
        if isinstance(error, StoreUnavailable | QueueUnavailable)
        else error.detail,
        instance=instance,
        request_id=request_id,
        retryable=error.retryable,
        errors=errors,
    )
    return status, document, headers


def internal_problem(*, instance: str, request_id: str) -> dict[str, Any]:
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        code="internal_error",
        detail="Something broke on our side.",
        instance=instance,
        request_id=request_id,
        retryable=True,
    )
