"""What the OpenAPI document says of each answer. Plain references, so that serving a request builds no schema."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

EVENT_STREAM = "text/event-stream; charset=utf-8"

_MODELS = {
    "job": ("Job", "The job."),
    "execution": ("Execution", "The execution."),
    "jobs": ("JobList", "A page of the caller's jobs."),
    "generated": ("GeneratedPrompt", "The enhanced prompt."),
    "health": ("Health", "The API is up."),
    "models": ("ModelList", "The catalog."),
    "openapi": (None, "The OpenAPI document."),
    "job_diff": ("JobDiff", "What differs."),
    "events": (None, "Events after `Last-Event-ID`, or a comment when there are none yet."),
}
_PROBLEMS = {
    400: "A header or a query parameter breaks a rule, or the body is not a JSON object.",
    404: "There is no such job, or it is another owner's.",
    409: "The same request, under the same Idempotency-Key, is being accepted right now (then with `Retry-After`), or "
    "the job's state does not allow it.",
    413: "The body is over 512 KiB.",
    415: "The body is not said to be JSON.",
    422: "The body breaks a rule (`errors` says which and where), or its Idempotency-Key was used with another body. "
    "Nothing was stored.",
    429: "Over the rate limit; nothing was stored. `Retry-After` says when to try again.",
    502: "The job ended without a result.",
    503: "Not possible right now; nothing was charged. Try again after `Retry-After` seconds.",
}
_TEXT = {"schema": {"type": "string"}}
_COUNT = {"schema": {"type": "integer"}}
_RATE = {
    "RateLimit": {"description": "What is left and when more is free.", **_TEXT},
    "RateLimit-Policy": {"description": "The limit that holds.", **_TEXT},
}
_TAG = {"ETag": {"description": "Changes with the job.", **_TEXT}}
_RETRY = {"Retry-After": {"description": "Seconds.", **_COUNT}}
_HEADERS: dict[int, dict[str, Any]] = {
    202: {"Location": {"description": "The job.", **_TEXT}, **_RETRY, **_RATE, **_TAG},
    409: _RETRY,
    429: {**_RETRY, **_RATE},
    503: _RETRY,
}


_PREFER = {
    "in": "header",
    "name": "Prefer",
    "description": "`wait=N`: wait up to N seconds, 1 to 25, for the job to end; see `Preference-Applied`.",
    "schema": {"type": "string", "maxLength": 256},
}
_IF_NONE_MATCH = {
    "in": "header",
    "name": "If-None-Match",
    "description": "The ETag of the answer the caller has.",
    "schema": {"type": "string"},
}
_IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "description": "1 to 255 visible ASCII characters. For 24 hours, a repeat with the same body answers with the job "
    "the first one made, and `Idempotency-Replayed: true`.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 257},
}
_WITH = {
    "in": "query",
    "name": "with",
    "required": True,
    "description": "The id of the other job.",
    "schema": {"type": "string"},
}
QUERY_PARAMETERS = {"diffJobs": [_WITH]}
"""The query parameters of each operation, read one by one so that a refusal says what is wrong."""
OPTIONAL_BODIES = {"replayJob"}
"""The operations whose body may be absent."""


_LAST_EVENT_ID = {
    "in": "header",
    "name": "Last-Event-ID",
    "description": "The id of the last event the caller got. Without it, all events are sent.",
    "schema": {"type": "string", "maxLength": 13},
}
HEADER_PARAMETERS = {
    "submitJob": [_IDEMPOTENCY_KEY, _PREFER],
    "replayJob": [_IDEMPOTENCY_KEY, _PREFER],
    "generatePrompt": [_IDEMPOTENCY_KEY],
    "readJob": [_PREFER, _IF_NONE_MATCH],
    "followJob": [_LAST_EVENT_ID],
}
"""The request headers of each operation, which no handler's signature names."""


def responses(model: str, *statuses: int, problems: Mapping[int, str] | None = None) -> dict[int, Any]:
    """The responses of a route: 2xx carry ``model`` (202 always a job), the others a problem. 500 is added to all.

    ``problems`` says what a status means here, where it is not what it means elsewhere; its headers are then its own.
    """
    return (
        {int(status): _response("job" if status == HTTPStatus.ACCEPTED else model, int(status)) for status in statuses}
        | {status: _problem(description) for status, description in (problems or {}).items()}
        | {500: _problem("A fault of ours.")}
    )


def _response(model: str, status: int) -> dict[str, Any]:
    if status == HTTPStatus.NOT_MODIFIED:
        return {"description": "The caller has this answer.", "headers": _TAG}
    if status == HTTPStatus.NO_CONTENT:
        return {"description": "The job is done and the caller has every event."}
    if status >= HTTPStatus.BAD_REQUEST:
        return _problem(_PROBLEMS[status]) | ({"headers": _HEADERS[status]} if status in _HEADERS else {})
    schema, description = _MODELS[model]
    if model == "events":
        return {"description": description, "content": {EVENT_STREAM: _TEXT}}
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "object"}}
    return {
        "description": description,
        "content": {"application/json": content},
        **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
    }


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
