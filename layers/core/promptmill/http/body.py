"""Reading a request body: size, type, JSON, then the model. Each refusal is an error of ours that says where."""

from __future__ import annotations

import functools
import inspect
import json
from functools import cache
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pydantic import TypeAdapter, ValidationError

from promptmill.errors import BodyTooLarge, InvalidInput, MalformedBody, UnsupportedMediaType

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.event_handler import APIGatewayRestResolver
    from pydantic_core import ErrorDetails

MAX_BODY_BYTES = 512 * 1024

P = ParamSpec("P")
R = TypeVar("R")


def reads_body(app: APIGatewayRestResolver, model: Any) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Gives a route handler its validated ``body``.

    The handler's signature is kept, which is where the OpenAPI document learns of the body; Powertools' own validation
    stays off, since it runs before size and media type could be checked.
    """

    def decorate(handler: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(handler)
        def call(**route_arguments: Any) -> R:
            event = app.current_event
            return handler(body=read_body(event.headers, event.decoded_body, model), **route_arguments)

        # Resolved here: Powertools would look the names up in this module.
        call.__signature__ = inspect.signature(handler, eval_str=True)  # type: ignore[attr-defined]
        return call

    return decorate


def read_body(headers: dict[str, str], text: str | None, model: Any) -> Any:
    """The body as ``model``.

    Raises ``BodyTooLarge``, ``UnsupportedMediaType``, ``MalformedBody`` (not a JSON object), or ``InvalidInput`` with a
    JSON pointer to each finding; never with the value, which is the caller's text.
    """
    text = text or ""
    if len(text) > MAX_BODY_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BODY_BYTES:
        raise BodyTooLarge(f"The body is over {MAX_BODY_BYTES} bytes.")
    if (headers.get("content-type") or "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedBody from error
    if not isinstance(document, dict):
        raise MalformedBody
    try:
        return _adapter(model).validate_python(document)
    except ValidationError as error:
        findings = error.errors(include_url=False, include_context=False, include_input=False)
        raise InvalidInput(
            "The request is not valid; see errors.",
            errors=tuple((_pointer(finding), finding["msg"].removeprefix("Value error, ")) for finding in findings),
        ) from None


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def _pointer(finding: ErrorDetails) -> str:
    """RFC 6901. A tagged union adds the chosen kind, which is no place in the document; a bad tag is at ``/kind``."""
    if finding["type"].startswith("union_tag"):
        return "/kind"
    parts = [str(part) for part in finding["loc"] if part != "[key]"]
    if parts and parts[0] in {"enhance", "image"}:
        parts = parts[1:]
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
