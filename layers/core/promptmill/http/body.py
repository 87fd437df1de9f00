"""Reading a request body: size, type, JSON, then the model. Each refusal is an error of ours that says where."""

from __future__ import annotations

import base64
import functools
import inspect
import json
from functools import cache
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pydantic import TypeAdapter, ValidationError

from promptmill.errors import BodyTooLarge, InvalidInput, MalformedBody, UnsupportedMediaType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.event_handler import APIGatewayRestResolver
    from pydantic_core import ErrorDetails

MAX_BODY_BYTES = 512 * 1024
# A body of half a megabyte can have more findings than an answer has room for.
MAX_FINDINGS = 50
# Enough to find a key by; longer ones are not worth sending back.
MAX_POINTER_PART = 256
# Bodies nest one deep: /metadata/<key>.
_KEY_DEPTH = 2

P = ParamSpec("P")
R = TypeVar("R")


def reads_body(
    app: APIGatewayRestResolver, model: Any, *, may_be_absent: bool = False
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Gives a route handler its validated ``body``; one that may be absent counts as ``{}`` then, of whatever type.

    The handler's signature is kept, which is where the OpenAPI document learns of the body; Powertools' own validation
    stays off, since it runs before size and media type could be checked.
    """

    def decorate(handler: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(handler)
        def call(**route_arguments: Any) -> R:
            event = app.current_event
            content = _content(event.raw_event)
            is_absent = may_be_absent and not content
            body = validated({}, model) if is_absent else read_body(event.headers, content, model)
            return handler(body=body, **route_arguments)

        # Resolved here: Powertools would look the names up in this module.
        call.__signature__ = inspect.signature(handler, eval_str=True)  # type: ignore[attr-defined]
        return call

    return decorate


def read_body(headers: Mapping[str, str], content: str | bytes, model: Any) -> Any:
    """The body as ``model``.

    Raises ``BodyTooLarge``, ``UnsupportedMediaType``, ``MalformedBody`` (not a JSON object), or as ``validated``.
    """
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    if len(raw) > MAX_BODY_BYTES:
        raise BodyTooLarge(f"The body is over {MAX_BODY_BYTES} bytes.")
    if (headers.get("content-type") or "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType
    try:
        document = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        # Not chained: the message may quote the body.
        raise MalformedBody from None
    if not isinstance(document, dict):
        raise MalformedBody
    return validated(document, model)


def validated(document: dict[str, Any], model: Any) -> Any:
    """The document as ``model``.

    Raises ``InvalidInput`` with a JSON pointer to each finding, the first ``MAX_FINDINGS`` of them; never with the
    value, which is the caller's text.
    """
    adapter = _adapter(model)
    try:
        return adapter.validate_python(document)
    except ValidationError as error:
        findings = error.errors(include_url=False, include_context=False, include_input=False)[:MAX_FINDINGS]
        tags = sorted(map(str, adapter.core_schema.get("choices", ())))
        raise InvalidInput(
            "The request is not valid; see errors.",
            errors=tuple(_finding(finding, tags=tags) for finding in findings),
        ) from None


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def _content(event: dict[str, Any]) -> str | bytes:
    """The body of an API Gateway event, which says whether it is in base 64."""
    body: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise MalformedBody from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finding(finding: ErrorDetails, *, tags: list[str]) -> tuple[str, str]:
    """(RFC 6901 pointer, what is wrong). A union of ``tags`` adds the chosen one, which is no place in the document."""
    if finding["type"].startswith("union_tag"):
        # pydantic's own message quotes the value.
        return "/kind", f"must be one of: {', '.join(tags)}"
    parts = [str(part) for part in finding["loc"]][1 if tags else 0 :]
    if len(parts) > _KEY_DEPTH and parts[-1] == "[key]":
        # What pydantic adds to the place of a bad key.
        parts.pop()
    # A part may be a key that the caller made up.
    pointer = "".join("/" + part[:MAX_POINTER_PART].replace("~", "~0").replace("/", "~1") for part in parts)
    return pointer, finding["msg"].removeprefix("Value error, ")
