"""What an endpoint is given and what it gives back, free of sockets."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from local.providers.calls import CallNote

STAND_IN_HEADER = "x-promptmill-stand-in"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; header names are lower case, `target` is the path exactly as sent (percent escapes kept)."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def json_object(self) -> dict[str, Any]:
        """Parse the body as a JSON object.

        Raises:
            ValueError: the body is not JSON, or not an object.

        """
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            raise ValueError("the body is not valid JSON") from None
        if not isinstance(parsed, dict):
            raise ValueError("the body must be a JSON object")  # noqa: TRY004 - one error for a bad body
        return parsed


class Ending(Enum):
    COMPLETE = "complete"
    CUT = "cut"  # the connection closes in the middle of the body
    SILENT = "silent"  # the connection closes before any byte of an answer


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. With `chunks` the body is streamed, one HTTP chunk per element, and `body` is unused."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    chunks: Iterator[bytes] | None = None
    ending: Ending = Ending.COMPLETE
    note: CallNote | None = None


JSON_HEADERS = {"Content-Type": "application/json"}

Endpoint = Callable[[Request], Answer]


def json_answer(
    content: object,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    note: CallNote | None = None,
    *,
    cut: bool = False,
) -> Answer:
    return Answer(
        status=status,
        headers={**JSON_HEADERS, **(headers or {})},
        body=json.dumps(content).encode(),
        ending=Ending.CUT if cut else Ending.COMPLETE,
        note=note,
    )


def plain_error(status: int, message: str) -> Answer:
    """Refuse in the form of this server's own endpoints: `{"error": {"message": ...}}`."""
    return json_answer({"error": {"message": message}}, status)


SILENCE = Answer(status=0, ending=Ending.SILENT)


def retry_after(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": f"{seconds:g}"}
