"""Images from Flux models at Together: one HTTP call per attempt.

https://docs.together.ai/reference/post-images-generations. We ask for the pictures in the answer and take nothing else:
fetching a URL that an answer names would let whoever writes that answer choose what our network requests.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from promptmill.clock import monotonic_ms
from promptmill.deadline import Deadline, hang_up, shorter_seconds
from promptmill.errors import (
    BrokenContractError,
    ProviderAccessDenied,
    ProviderAnswerBroken,
    ProviderTimeout,
    ProviderUnavailable,
)
from promptmill.providers.cost import billed_megapixels
from promptmill.providers.failures import failure
from promptmill.providers.flux_errors import refused
from promptmill.providers.image_format import read_format
from promptmill.providers.interface import ATTEMPT_SECONDS, Answer, Image, ImageRequest, Usage

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from http.client import HTTPConnection, HTTPResponse

    from promptmill.providers.catalog import Model
    from promptmill.providers.interface import ProviderRequest

TOGETHER_URL = "https://api.together.xyz/v1"

MAX_ANSWER_BYTES = 64 * 1024 * 1024
_CONNECT_SECONDS = 5
# 0 would make a socket non-blocking.
_NO_TIME_SECONDS = 0.001
_PIECE_BYTES = 1024 * 1024
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class FluxProvider:
    """One image API of Together's shape.

    ``url`` is the API's base, such as ``TOGETHER_URL``: https, or http to this machine. ``api_key`` is called for every
    attempt. ``connect`` makes the (unopened) connection to a URL, given a timeout in seconds.

    Raises the errors of ``flux_errors``, ``ProviderUnavailable`` and ``ProviderTimeout`` for the network, and
    ``ProviderAnswerBroken`` for an answer that is not ``n`` whole pictures of the size asked for. An error after the
    provider said 200 carries the usage it will bill (``failures.billed_usage``).
    """

    def __init__(
        self,
        url: str,
        api_key: Callable[[], str],
        connect: Callable[[SplitResult, float], HTTPConnection] | None = None,
        *,
        deadline_seconds: float = ATTEMPT_SECONDS,
        clock: Callable[[], int] = monotonic_ms,
    ) -> None:
        self._url = urlsplit(url)
        if not (self._url.scheme == "https" or (self._url.scheme == "http" and self._url.hostname in _LOOPBACK)):
            raise BrokenContractError("the image provider's URL must be https, or http to this machine")
        self._api_key = api_key
        self._connect = connect or _connection
        self._deadline_seconds = deadline_seconds
        self._clock = clock

    def generate(
        self,
        model: Model,
        request: ProviderRequest,
        *,
        on_text: Callable[[str], None] | None = None,
        within_seconds: float | None = None,
    ) -> Answer:
        """One attempt, over within ``deadline_seconds`` or ``within_seconds``, whichever is less.

        The time to connect may come on top.
        """
        del on_text  # pictures have no text to pass on
        if not isinstance(request, ImageRequest):
            raise BrokenContractError("Flux is asked for images only")
        deadline = Deadline(shorter_seconds(self._deadline_seconds, within_seconds), self._clock)
        # The price is looked up before the call: a model without one is not called.
        usage = Usage(images=request.n, megapixels=billed_megapixels(model, request))
        body = json.dumps(_body(model, request)).encode()
        content = self._exchange(body, _checked_key(self._api_key()), usage, deadline)
        try:
            request_id, images = _read_answer(content, request)
        except (ValueError, RecursionError) as error:
            note = f"flux: {error}" if type(error) is ValueError else f"flux: {type(error).__name__}"
            raise failure(ProviderAnswerBroken, note, usage=replace(usage, estimated=True)) from None
        return Answer(usage=usage, images=images, provider_request_id=request_id)

    def _exchange(self, body: bytes, key: str, usage: Usage, deadline: Deadline) -> bytes:
        """The body of a 200 answer. Nothing is chained: an exception of ``http.client`` may quote a header."""
        from http.client import HTTPException

        connection = self._connect(self._url, min(_CONNECT_SECONDS, deadline.remaining_seconds() or _NO_TIME_SECONDS))
        billed: Usage | None = None
        try:
            sock = _open(connection, deadline)
            with deadline.cutting(lambda: hang_up(sock)):
                connection.request("POST", f"{self._url.path.rstrip('/')}/images/generations", body, _headers(key))
                with connection.getresponse() as response:
                    if response.status != HTTPStatus.OK:
                        raise refused(response)
                    billed = replace(usage, estimated=True)
                    return _read_bounded(response, deadline)
        except (OSError, HTTPException, ValueError) as error:
            raise _broken_off(error, deadline, billed) from None
        finally:
            connection.close()


def _connection(url: SplitResult, timeout_seconds: float) -> HTTPConnection:
    import http.client

    host = url.hostname or ""
    if url.scheme == "http":
        return http.client.HTTPConnection(host, url.port, timeout=timeout_seconds)
    # Without a context of ours this checks the certificate and the host's name against the system's authorities.
    return http.client.HTTPSConnection(host, url.port, timeout=timeout_seconds)


def _open(connection: HTTPConnection, deadline: Deadline) -> socket.socket:
    try:
        connection.connect()
    except OSError as error:
        raise failure(ProviderUnavailable, f"flux: cannot connect, {type(error).__name__}") from None
    sock: socket.socket = connection.sock
    sock.settimeout(deadline.remaining_seconds() or _NO_TIME_SECONDS)
    return sock


def _checked_key(key: str) -> str:
    key = key.strip()
    if not key or not all("!" <= character <= "~" for character in key):
        raise failure(ProviderAccessDenied, "flux: the stored key is not one a header can carry")
    return key


def _headers(key: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": "promptmill",
        "Connection": "close",
    }


def _body(model: Model, request: ImageRequest) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model.model_id,
        "prompt": request.prompt,
        "width": request.width,
        "height": request.height,
        "steps": request.steps,
        "n": request.n,
        "seed": request.seed,
        "output_format": "png",
        "response_format": "base64",
    }
    if request.negative_prompt is not None:
        body["negative_prompt"] = request.negative_prompt
    return body


def _read_bounded(response: HTTPResponse, deadline: Deadline) -> bytes:
    """The whole body; ``ValueError`` when it is larger than ``MAX_ANSWER_BYTES`` or cut short."""
    if (response.length or 0) > MAX_ANSWER_BYTES:
        raise ValueError("the answer is too large")
    pieces = bytearray()
    while piece := response.read(_PIECE_BYTES):
        pieces += piece
        if len(pieces) > MAX_ANSWER_BYTES:
            raise ValueError("the answer is too large")
        if deadline.passed():
            raise TimeoutError
    if response.length:
        raise ValueError("the answer is cut short")
    return bytes(pieces)


def _broken_off(error: Exception, deadline: Deadline, billed: Usage | None) -> Exception:
    """What became of an exchange that did not end; ``billed`` once the provider had said 200."""
    if deadline.passed() or isinstance(error, TimeoutError):
        return failure(ProviderTimeout, "flux: no whole answer in time", usage=billed)
    kind = ProviderUnavailable if billed is None and isinstance(error, ConnectionError) else ProviderAnswerBroken
    return failure(kind, f"flux: {type(error).__name__}", usage=billed)


def _read_answer(content: bytes, request: ImageRequest) -> tuple[str | None, tuple[Image, ...]]:
    """(request id, images in the order of their index); ``ValueError`` for anything but the pictures asked for."""
    answer = json.loads(content)
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        raise ValueError("the answer has no list of pictures")
    if len(data) != request.n:
        raise ValueError("another number of pictures than asked for")
    places = [entry.get("index") for entry in data]
    if all(type(place) is int for place in places):
        data.sort(key=lambda entry: int(entry["index"]))
    request_id = answer.get("id")
    return request_id if isinstance(request_id, str) else None, tuple(_image(entry, request) for entry in data)


def _image(entry: dict[str, Any], request: ImageRequest) -> Image:
    encoded = entry.get("b64_json")
    if not isinstance(encoded, str):
        raise ValueError("a picture is not in the answer")  # noqa: TRY004 - the answer's fault, not a caller's
    content = base64.b64decode(encoded, validate=True)
    found = read_format(content)
    if (found.width, found.height) != (request.width, request.height):
        raise ValueError("a picture has another size than asked for")
    return Image(content=content, content_type=found.content_type, width=found.width, height=found.height)
