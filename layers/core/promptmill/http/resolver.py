"""The HTTP edge the API functions share: errors as problems, CORS, request ids, one log line per request."""

from __future__ import annotations

import json
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response

from promptmill.clock import is_id, monotonic_ms
from promptmill.errors import JobNotFound, PromptmillError, Unauthenticated
from promptmill.http import problem
from promptmill.identity.access import Gate, access_to, check_access
from promptmill.identity.authorizer import credential_of
from promptmill.identity.caller import Caller, caller_of
from promptmill.settings import settings

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.api_gateway import Route
    from aws_lambda_powertools.event_handler.middlewares import NextMiddleware

    from promptmill.jobs.model import Job

EXPOSED_HEADERS = [
    "Location",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
    "x-request-id",
    "ETag",
    "Idempotency-Replayed",
    "Preference-Applied",
]
ALLOWED_HEADERS = [
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Prefer",
    "traceparent",
]
ALLOWED_METHODS = "GET,POST,PUT,PATCH,DELETE,OPTIONS"
_PREFLIGHT = "preflight"


@cache
def logger() -> Logger:
    """This process's logger: JSON lines, facts with fields, never a prompt, a key or a header."""
    return Logger()


def make_resolver() -> APIGatewayRestResolver:
    """A resolver whose every answer keeps the HTTP contract."""
    origins = [origin.strip() for origin in (settings().cors_origins or "").split(",") if origin.strip()]
    cors = None
    if origins:
        cors = CORSConfig(
            allow_origin=origins[0],
            extra_origins=origins[1:],
            allow_headers=ALLOWED_HEADERS,
            expose_headers=EXPOSED_HEADERS,
            max_age=600,
        )
    app = APIGatewayRestResolver(cors=cors, serializer=_compact_json)
    app.exception_handler(PromptmillError)(lambda error: _answer_error(app, error))
    app.exception_handler(Exception)(lambda error: _answer_fault(app, error))
    app.not_found(lambda _error: _answer_not_found(app))
    app.route(".+", method="OPTIONS", include_in_schema=False, operation_id=_PREFLIGHT)(_answer_preflight)
    app.use(middlewares=[_hold_to_access])
    return app


def declared(app: APIGatewayRestResolver) -> APIGatewayRestResolver:
    """The resolver, when each of its routes declares who may call it; raises ``BrokenContractError`` otherwise."""
    for route in _routes(app):
        if route.operation_id != _PREFLIGHT:
            access_to(route.operation_id)
    return app


def _routes(app: APIGatewayRestResolver) -> list[Route]:
    return [*app._static_routes, *app._dynamic_routes]  # noqa: SLF001 - Powertools has no name for them


def resolve(app: APIGatewayRestResolver, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answers one API Gateway event, adds what every answer carries, and logs what was asked and how it went."""
    started_ms = monotonic_ms()
    logger().clear_state()
    answer: dict[str, Any] = app.resolve(event, context)
    # The CORS headers differ by origin, and some answers may be cached.
    answer.setdefault("multiValueHeaders", {}).update({"x-request-id": [request_id(event)], "Vary": ["Origin"]})
    logger().info(
        "request",
        method=event["httpMethod"],
        route=event["resource"],
        status=answer["statusCode"],
        request_id=request_id(event),
        duration_ms=monotonic_ms() - started_ms,
    )
    return answer


def _hold_to_access(app: APIGatewayRestResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """Lets a request through to its route when its caller may call that."""
    route = app.context["_route"]
    operation = route.operation_id
    # An unknown path is given a route that was never registered.
    if operation == _PREFLIGHT or not any(route is known for known in _routes(app)):
        return next_middleware(app)
    if access_to(operation).gate is not Gate.NONE:
        if not app.current_event.raw_event["requestContext"].get("authorizer"):
            # The gateway let it through by another path, past its authorizer.
            raise Unauthenticated
        # The gateway caches by one header; what else came with this request, its authorizer may not have seen.
        credential_of(app.current_event.raw_event.get("multiValueHeaders") or {})
        check_access(operation, caller(app))
    return next_middleware(app)


def note_in_log(**facts: str | int) -> None:
    """Adds facts, such as the job id, to every log line of this request."""
    logger().append_keys(**facts)


def note_job(job: Job) -> None:
    """Adds to every log line of this request which job it is about, and by which request that was made."""
    note_in_log(job_id=job.id, kind=job.kind, correlation_id=job.correlation_id)


def request_id(event: dict[str, Any]) -> str:
    return str(event["requestContext"]["requestId"])


def caller(app: APIGatewayRestResolver) -> Caller:
    """Who is calling."""
    (salt,) = settings().require("owner_salt")
    return caller_of(app.current_event.raw_event, salt=salt)


def request_header(app: APIGatewayRestResolver, name: str) -> str:
    """A request header; lines of the same name are one, joined by commas (RFC 9110 §5.3). Empty without any."""
    sent = app.current_event.raw_event.get("multiValueHeaders") or {}
    return ", ".join(value for own, values in sent.items() if own.lower() == name.lower() for value in values)


def query_parameters(app: APIGatewayRestResolver) -> dict[str, list[str]]:
    """The query string's parameters, each with all its values."""
    return app.current_event.raw_event.get("multiValueQueryStringParameters") or {}


def known_job_id(job_id: str) -> str:
    """The id in a path; raises ``JobNotFound`` for what cannot be one."""
    if not is_id("job", job_id):
        raise JobNotFound
    return job_id


def base_url(event: dict[str, Any]) -> str:
    """Where the API is, as its callers know it; without a configured address, as API Gateway says."""
    configured = settings().public_url
    if configured:
        return configured.rstrip("/")
    context = event["requestContext"]
    return f"https://{context['domainName']}{context['path'].removesuffix(event['path'])}"


def json_response(
    status: HTTPStatus,
    body: dict[str, Any],
    headers: dict[str, str] | None = None,
    *,
    content_type: str = "application/json",
) -> Response[str]:
    many: dict[str, str | list[str]] = dict(headers or {})
    return Response(status.value, content_type, _compact_json(body), many)


def no_store_response(
    body: dict[str, Any], status: HTTPStatus = HTTPStatus.OK, location: str | None = None
) -> Response[str]:
    """An answer that nobody on its way keeps; ``location`` is where what was made is read."""
    return json_response(status, body, {"Cache-Control": "no-store", **({"Location": location} if location else {})})


def _answer_error(app: APIGatewayRestResolver, error: PromptmillError) -> Response[str]:
    event = app.current_event
    status, document, headers = problem.problem_of(error, instance=event.path, request_id=request_id(event.raw_event))
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return _answer_fault(app, error)
    note_in_log(error=type(error).__name__)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger().error("unavailable", causes=_causes(error))
    return _answer_problem(status, document, {**headers, **app.context.get("rate_headers", {})})


def _causes(error: BaseException | None) -> str:
    """The names along the chain of causes, with AWS's code where there is one; no message, which may quote anything."""
    names = []
    while error is not None:
        code = getattr(error, "response", {}).get("Error", {}).get("Code")
        names.append(f"{type(error).__name__} {code}" if code else type(error).__name__)
        error = error.__cause__
    return " < ".join(names)


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
    headers: dict[str, str | list[str]] = {"Access-Control-Allow-Methods": ALLOWED_METHODS}
    return Response(HTTPStatus.NO_CONTENT.value, body="", headers=headers)


def _answer_not_found(app: APIGatewayRestResolver) -> Response[str]:
    event = app.current_event
    document = problem.problem(
        HTTPStatus.NOT_FOUND,
        code="not_found",
        detail="There is no such path.",
        instance=event.path,
        request_id=request_id(event.raw_event),
    )
    return _answer_problem(HTTPStatus.NOT_FOUND, document)


def _answer_problem(
    status: HTTPStatus, document: dict[str, Any], headers: dict[str, str] | None = None
) -> Response[str]:
    return json_response(status, document, headers, content_type=problem.CONTENT_TYPE)


def _compact_json(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
