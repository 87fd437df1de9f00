"""The HTTP edge both API functions share: errors as problems, CORS, request ids, one log line per request."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from promptmill.clock import monotonic_ms
from promptmill.errors import InvalidInput, PromptmillError
from promptmill.http import problem
from promptmill.settings import settings

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

MAX_BODY_BYTES = 512 * 1024
EXPOSED_HEADERS = [
    "Location", "Retry-After", "RateLimit", "RateLimit-Policy", "x-request-id", "ETag", "Idempotency-Replayed",
    "Preference-Applied",
]
ALLOWED_HEADERS = ["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID", "Prefer", "traceparent"]
ALLOWED_METHODS = "GET,POST,OPTIONS"
# What each path answers to, for a 405 that says so. "{}" stands for one segment.
METHODS_BY_PATH = {
    "/v1/jobs": "POST",
    "/v1/jobs/{}": "GET",
    "/v1/generate-prompt": "POST",
    "/v1/health": "GET",
    "/v1/models": "GET",
    "/v1/openapi.json": "GET",
}

Resolve = Callable[[dict[str, Any], Any], dict[str, Any]]


@cache
def logger() -> Logger:
    """This process's logger: JSON lines, facts with fields, never a prompt, a key or a header."""
    return Logger()


def make_resolver(*, validates_bodies: bool = False) -> APIGatewayRestResolver:
    """A resolver whose every answer keeps the HTTP contract. ``validates_bodies`` brings pydantic in."""
    origins = [origin.strip() for origin in (settings().cors_origins or "").split(",") if origin.strip()]
    cors = None
    if origins:
        cors = CORSConfig(
            allow_origin=origins[0], extra_origins=origins[1:], allow_headers=ALLOWED_HEADERS,
            expose_headers=EXPOSED_HEADERS, max_age=600,
        )
    app = APIGatewayRestResolver(cors=cors, enable_validation=validates_bodies, serializer=_compact_json)
    app.use(middlewares=[_check_body])
    app.exception_handler(PromptmillError)(lambda error: _answer_error(app, error))
    app.exception_handler(RequestValidationError)(lambda error: _answer_error(app, _invalid_input(error)))
    app.exception_handler(Exception)(lambda error: _answer_fault(app, error))
    app.not_found(lambda _error: _answer_not_found(app))
    app.route(".+", method="OPTIONS", include_in_schema=False, enable_validation=False)(_answer_preflight)
    return app


def resolve(app: APIGatewayRestResolver, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers one API Gateway event, adds ``x-request-id``, and logs what was asked and how it went."""
    started_ms = monotonic_ms()
    logger().clear_state()
    answer: dict[str, Any] = app.resolve(event, context)
    answer.setdefault("multiValueHeaders", {})["x-request-id"] = [request_id(event)]
    logger().info(
        "request",
        method=event["httpMethod"],
        route=event["resource"],
        status=answer["statusCode"],
        request_id=request_id(event),
        duration_ms=monotonic_ms() - started_ms,
    )
    return answer


def note_in_log(**facts: str | int) -> None:
    """Adds facts, such as the job id, to every log line of this request."""
    logger().append_keys(**facts)


def request_id(event: dict[str, Any]) -> str:
    return str(event["requestContext"]["requestId"])


def base_url(event: dict[str, Any]) -> str:
    """Where the API is, as its callers know it; without a configured address, as API Gateway says."""
    configured = settings().public_url
    if configured:
        return configured.rstrip("/")
    context = event["requestContext"]
    return f"https://{context['domainName']}{context['path'].removesuffix(event['path'])}"


def json_response(
    status: HTTPStatus, body: dict[str, Any], headers: dict[str, str] | None = None, *, content_type: str = "application/json"
) -> Response[str]:
    many: dict[str, str | list[str]] = dict(headers or {})
    return Response(status.value, content_type, _compact_json(body), many)


def _check_body(app: APIGatewayRestResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """Refuses a body that is too large, not said to be JSON, or not JSON, before anything reads it."""
    event = app.current_event
    if event.http_method == "POST":
        body = event.decoded_body or ""
        refusal = None
        if len(body) > MAX_BODY_BYTES or len(body.encode("utf-8", "surrogatepass")) > MAX_BODY_BYTES:
            refusal = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", f"The body is over {MAX_BODY_BYTES} bytes."
        elif (event.headers.get("content-type") or "").partition(";")[0].strip().lower() != "application/json":
            refusal = HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body must be application/json."
        elif not _is_json_object(body):
            refusal = HTTPStatus.BAD_REQUEST, "malformed_json", "The body must be a JSON object."
        if refusal:
            status, code, detail = refusal
            return _answer_problem(
                status,
                problem.problem(
                    status, code=code, detail=detail, instance=event.path, request_id=request_id(event.raw_event)
                ),
            )
    return next_middleware(app)


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _invalid_input(error: RequestValidationError) -> InvalidInput:
    """Every finding with a JSON pointer to its place; never the value, which is the caller's text."""
    return InvalidInput(
        "The request is not valid; see errors.",
        errors=tuple((_pointer(finding["loc"]), str(finding["msg"])) for finding in error.errors()),
    )


def _pointer(location: tuple[str | int, ...]) -> str:
    """RFC 6901. The first part says it is the body; a union adds the chosen kind, which is no place in the document."""
    parts = [str(part) for part in location[1:]]
    if parts and parts[0] in {"enhance", "image"}:
        parts = parts[1:]
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def _answer_error(app: APIGatewayRestResolver, error: PromptmillError) -> Response[str]:
    event = app.current_event
    status, document, headers = problem.problem_of(
        error, instance=event.path, request_id=request_id(event.raw_event)
    )
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return _answer_fault(app, error)
    return _answer_problem(status, document, {**headers, **app.context.get("rate_headers", {})})


def _answer_fault(app: APIGatewayRestResolver, error: Exception) -> Response[str]:
    # The class and the place say what broke; the message may carry what the caller wrote.
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else None
    logger().error("fault", error=type(error).__name__, place=place)
    event = app.current_event
    document = problem.internal_problem(instance=event.path, request_id=request_id(event.raw_event))
    return _answer_problem(HTTPStatus.INTERNAL_SERVER_ERROR, document)


def _answer_preflight() -> Response[str]:
    # The gateway sends every preflight to one function, which must answer for the other's methods too.
    return Response(HTTPStatus.NO_CONTENT.value, headers={"Access-Control-Allow-Methods": ALLOWED_METHODS})


def _answer_not_found(app: APIGatewayRestResolver) -> Response[str]:
    event = app.current_event
    segments = event.path.rstrip("/").split("/")
    pattern = "/".join(["", "v1", "jobs", "{}"]) if len(segments) == 4 and segments[:3] == ["", "v1", "jobs"] else event.path
    allowed = METHODS_BY_PATH.get(pattern)
    status = HTTPStatus.METHOD_NOT_ALLOWED if allowed else HTTPStatus.NOT_FOUND
    detail = f"This path answers to {allowed}." if allowed else "There is no such path."
    document = problem.problem(
        status, code=status.name.lower(), detail=detail, instance=event.path, request_id=request_id(event.raw_event)
    )
    return _answer_problem(status, document, {"Allow": allowed} if allowed else {})


def _answer_problem(status: HTTPStatus, document: dict[str, Any], headers: dict[str, str] | None = None) -> Response[str]:
    return json_response(status, document, headers, content_type=problem.CONTENT_TYPE)


def _compact_json(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
