"""What the OpenAPI document says of each answer. Plain references, so that serving a request builds no schema."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from promptmill.clock import id_pattern
from promptmill.http import idempotency_key
from promptmill.identity.access import Gate, Role, access_to
from promptmill.jobs.streaming.events import ID_PATTERN

if TYPE_CHECKING:
    from collections.abc import Mapping

EVENT_STREAM = "text/event-stream; charset=utf-8"

_MODELS = {
    "job": ("Job", "The job."),
    "execution": ("Execution", "The execution."),
    "jobs": ("JobList", "A page of the caller's jobs."),
    "generated": ("GeneratedPrompt", "The enhanced prompt."),
    "health": ("Health", "The API is up."),
    "limits": ("Limits", "The caller's limits."),
    "models": ("ModelList", "The catalog."),
    "openapi": (None, "The OpenAPI document."),
    "deletion": ("Deletion", "The deletion has begun."),
    "job_diff": ("JobDiff", "What differs."),
    "user": ("User", "The user."),
    "redrive": ("Redrive", "The execution goes on."),
    "api_key": ("ApiKey", "The key."),
    "new_api_key": ("NewApiKey", "The key with its new secret, which is shown this once."),
    "api_keys": ("ApiKeyList", "A page of the keys."),
    "subject_limits": ("SubjectLimits", "The limits set for the subject; null where the plan's holds."),
    "report": ("Report", "The report."),
    "events": (None, "Events after `Last-Event-ID`, or a comment when there are none yet."),
}
_WITHOUT_CONTENT = {"events": "The job is done and the caller has every event.", "nothing": "It is done."}
_PROBLEMS = {
    400: "A header or a query parameter breaks a rule.",
    404: "There is no such job, or it is another owner's.",
    409: "The same request, under the same Idempotency-Key, is being accepted right now.",
    413: "The body is over 512 KiB.",
    415: "The body is not said to be JSON.",
    422: "The body breaks a rule (`errors` says which and where), or its Idempotency-Key was used with another body. "
    "Nothing was stored.",
    429: "Over the rate limit; nothing was charged. `Retry-After` says when to try again.",
    502: "The job ended without a result.",
    503: "Not possible right now. Try again after `Retry-After` seconds.",
}
ADMIN_PROBLEMS = {401: "Nobody signed in, or not with a good token.", 403: "The caller is not an admin."}
"""What the admins' operations answer besides."""
ADMIN_BODY_PROBLEMS = {**ADMIN_PROBLEMS, 422: "The body breaks a rule; `errors` says which and where."}
"""The same, of operations that take a body."""
_OF_A_BODY = {400: "A header breaks a rule, or the body is not a JSON object."}


def _header(description: str, kind: str = "string", *, always: bool = True) -> dict[str, Any]:
    return {"description": description, "required": always, "schema": {"type": kind}}


_REQUEST_ID = {"x-request-id": _header("Names the request in the log.")}
_RATE = {
    "RateLimit": _header("What is left and when more is free."),
    "RateLimit-Policy": _header("The limit that holds."),
}
_TAG = {"ETag": _header("Changes with the job.")}
_LOCATION = {"Location": _header("The job.")}
_RETRY = {"Retry-After": _header("Seconds.", "integer")}
_RETRY_AT_TIMES = {"Retry-After": _header("Seconds; while trying again can help.", "integer", always=False)}
_WAITED = {"Preference-Applied": _header("`wait=N`, when it was asked for.", always=False)}
_REPLAYED = {"Idempotency-Replayed": _header("`true` when an earlier request made the job.", always=False)}

READ = {200: {**_TAG, **_RETRY_AT_TIMES, **_WAITED}, 304: {**_TAG, **_RETRY_AT_TIMES, **_WAITED}}
CANCELED = {202: _TAG}
CREATED_KEY = {201: {"Location": _header("The key.")}}
CHANGED_KEY = {409: _RETRY_AT_TIMES}
SUBMITTED = {
    200: {**_LOCATION, **_RATE, **_TAG, **_WAITED, **_REPLAYED},
    202: {**_LOCATION, **_RETRY, **_RATE, **_TAG, **_WAITED, **_REPLAYED},
    409: _RETRY_AT_TIMES,
}
GENERATED = {
    200: {**_RATE, **_REPLAYED},
    202: {**_LOCATION, **_RETRY, **_RATE, **_TAG, **_REPLAYED},
    409: _RETRY_AT_TIMES,
    # A job that did not succeed answers so too, and was counted.
    422: {name: {**header, "required": False} for name, header in {**_RATE, **_REPLAYED}.items()},
    502: {**_RATE, **_REPLAYED},
}
"""The headers of an operation's answers, by status, besides those of every answer with that status."""
_ALWAYS = {429: {**_RETRY, **_RATE}, 503: _RETRY}
_CHALLENGE = {"WWW-Authenticate": _header("How to sign in: RFC 6750.")}
_UNAUTHENTICATED = {
    Gate.ANYONE: "The token or key is not a good one.",
    Gate.SIGNED_IN: "Nobody signed in, or the token or key is not a good one.",
}
_ALSO_UNAUTHENTICATED = {"submitJob": "Or nobody signed in, and the job is not of kind `enhance`."}
_ALSO_FORBIDDEN = dict.fromkeys(("listJobs", "readAnalytics"), "Or `owner` was given, and the caller is no operator.")

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
    "the first one made, and `Idempotency-Replayed: true`. An API key must send it.",
    "schema": {"type": "string", "pattern": idempotency_key.PATTERN},
}
_LAST_EVENT_ID = {
    "in": "header",
    "name": "Last-Event-ID",
    "description": "The id of the last event the caller got. Without it, or empty, all events are sent.",
    "schema": {"type": "string", "pattern": f"^$|{ID_PATTERN}"},
}
_WITH = {
    "in": "query",
    "name": "with",
    "required": True,
    "description": "The id of the job to compare with.",
    "schema": {"type": "string", "pattern": id_pattern("job")},
}
QUERY_PARAMETERS = {"diffJobs": [_WITH]}
"""The query parameters of each operation, read one by one so that a refusal says what is wrong."""
OPTIONAL_BODIES = {"replayJob", "rotateApiKey"}
"""The operations whose body may be absent."""
HEADER_PARAMETERS = {
    "submitJob": [_IDEMPOTENCY_KEY, _PREFER],
    "replayJob": [_IDEMPOTENCY_KEY, _PREFER],
    "generatePrompt": [_IDEMPOTENCY_KEY],
    "readJob": [_PREFER, _IF_NONE_MATCH],
    "followJob": [_LAST_EVENT_ID],
}
"""The request headers of each operation, which no handler's signature names."""


def responses(
    model: str,
    *statuses: int,
    problems: Mapping[int, str] | None = None,
    headers: Mapping[int, Mapping[str, Any]] | None = None,
    accepted: str = "",
) -> dict[int, Any]:
    """The responses of a route: 2xx carry ``model`` (202 carries ``accepted``, if given), the others a problem.

    ``problems`` says what a status means here, where it is not what it means elsewhere. A fault of ours is added.
    """
    texts = {**_PROBLEMS, **(_OF_A_BODY if HTTPStatus.REQUEST_ENTITY_TOO_LARGE in statuses else {}), **(problems or {})}
    found: dict[int, Any] = {
        int(status): _response((status == HTTPStatus.ACCEPTED and accepted) or model, int(status), texts)
        for status in (*statuses, *(problems or {}))
    }
    found[500] = _problem("A fault of ours.")
    for status, response in found.items():
        own = (headers or {}).get(status, {})
        response["headers"] = {**_REQUEST_ID, **_ALWAYS.get(status, {}), **own}
    return found


def refusals(operation: str) -> dict[str, Any]:
    """The 401 and the 403 of an operation, from what it declares of who may call it; none where anybody may."""
    access = access_to(operation)
    if access.gate is Gate.NONE:
        return {}
    if access.role in {Role.OPERATOR, Role.ADMIN}:
        forbidden = f"The caller is no {access.role}."
    elif access.scope is None:
        forbidden = "An API key may not do this."
    else:
        forbidden = f"The API key lacks the scope `{access.scope}`."
    texts = {
        "401": (_UNAUTHENTICATED[access.gate], _ALSO_UNAUTHENTICATED, _CHALLENGE),
        "403": (forbidden, _ALSO_FORBIDDEN, {}),
    }
    return {
        status: _problem(" ".join([text, *([also[operation]] if operation in also else [])]))
        | {"headers": {**_REQUEST_ID, **headers}}
        for status, (text, also, headers) in texts.items()
    }


def _response(model: str, status: int, texts: Mapping[int, str]) -> dict[str, Any]:
    if status == HTTPStatus.NOT_MODIFIED:
        return {"description": "The caller has this answer."}
    if status == HTTPStatus.NO_CONTENT:
        return {"description": _WITHOUT_CONTENT[model]}
    if status >= HTTPStatus.BAD_REQUEST:
        return _problem(texts[status])
    schema, description = _MODELS[model]
    if model == "events":
        return {"description": description, "content": {EVENT_STREAM: {"schema": {"type": "string"}}}}
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "object"}}
    return {"description": description, "content": {"application/json": content}}


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def gateway_response() -> dict[str, Any]:
    """What the gateway may answer in place of any operation."""
    return _problem(
        "What the gateway answers itself: 413 for a request over 10 MB, 429 with `Retry-After` and the rate headers "
        "over the rate of the whole API, 502 or 504 when a function did not answer."
    ) | {"headers": _REQUEST_ID}
