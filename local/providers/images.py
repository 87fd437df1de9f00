"""Together-compatible image generation: a picture is drawn, no model is called."""

import json
import threading
import time
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Literal

from local.providers.answers import JSON_HEADERS, SILENCE, Answer, Request, json_answer, plain_error, retry_after
from local.providers.calls import CallNote
from local.providers.drawing import Drawing, draw
from local.providers.faults import Fault, Faults

ImageFormat = Literal["png", "jpeg"]
LEAST_SIDE, MOST_SIDE = 256, 1440
_KEPT_IMAGES = 32
_INTEGERS = {
    "width": (1024, LEAST_SIDE, MOST_SIDE),
    "height": (1024, LEAST_SIDE, MOST_SIDE),
    "steps": (4, 1, 12),
    "n": (1, 1, 4),
    "seed": (0, 0, 2**63 - 1),
}
_RESPONSE_FORMATS = ("base64", "b64_json", "url")
_ERROR_TYPES = {401: "authentication_error", 402: "billing_error", 404: "not_found", 429: "rate_limit"}


@dataclass(frozen=True, slots=True)
class ImageRequest:
    model: str
    prompt: str
    width: int
    height: int
    seed: int
    n: int
    image_format: ImageFormat
    as_url: bool


class RefusedFieldError(ValueError):
    """A field of the request is wrong; `param` names it."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(f"{param} {message}")
        self.param = param


class ImageEndpoint:
    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()

    def generate(self, request: Request) -> Answer:
        """`POST /v1/images/generations`, with the next flux fault applied. The same request gets the same bytes."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return _refusal(401, "an API key is required: Authorization: Bearer <key>", code="invalid_api_key")
        try:
            wanted = image_request(request.json_object())
        except RefusedFieldError as error:
            return _refusal(400, str(error), param=error.param)
        except ValueError as error:
            return _refusal(400, str(error))
        note = CallNote("flux", wanted.model, wanted.prompt)
        fault = self._faults.take("flux", wanted.prompt)
        if fault.delay_ms:
            time.sleep(fault.delay_ms / 1000)
        if scripted := _scripted(fault):
            return replace(scripted, note=note)
        return json_answer(self._drawn(wanted, request), note=note, cut=fault.truncate)

    def fetch(self, request: Request) -> Answer:
        """`GET /_images/{name}`: one of the last 32 images that were asked for as links."""
        with self._lock:
            kept = self._kept.get(request.path.removeprefix("/_images/"))
        if kept is None:
            return plain_error(404, "there is no such image, or it was dropped for newer ones")
        content_type, content = kept
        return Answer(headers={"Content-Type": content_type}, body=content)

    def _drawn(self, wanted: ImageRequest, request: Request) -> dict[str, Any]:
        pictures = [
            draw(Drawing(wanted.prompt, wanted.width, wanted.height, wanted.seed, index), wanted.image_format)
            for index in range(wanted.n)
        ]
        host = request.headers.get("host", "127.0.0.1")
        items: list[dict[str, Any]] = []
        for index, picture in enumerate(pictures):
            if wanted.as_url:
                items.append(
                    {"index": index, "url": f"http://{host}/_images/{self._keep(picture, wanted.image_format)}"}
                )
            else:
                items.append({"index": index, "b64_json": b64encode(picture).decode()})
        return {
            "id": f"stand-in-{sha256(request.body).hexdigest()[:24]}",
            "model": wanted.model,
            "object": "list",
            "data": items,
            "promptmill_stand_in": True,
        }

    def _keep(self, picture: bytes, image_format: ImageFormat) -> str:
        name = f"{sha256(picture).hexdigest()[:32]}.{image_format}"
        with self._lock:
            self._kept[name] = (f"image/{image_format}", picture)
            self._kept.move_to_end(name)
            while len(self._kept) > _KEPT_IMAGES:
                self._kept.popitem(last=False)
        return name


def image_request(body: Mapping[str, Any]) -> ImageRequest:
    """Check a generation request; fields the stand-in does not know are let pass, as at Together.

    Raises:
        RefusedFieldError: naming the first field that is wrong.

    """
    for name, required in (("model", True), ("prompt", True), ("negative_prompt", False)):
        value = body.get(name)
        if (required or value is not None) and (not isinstance(value, str) or (required and not value.strip())):
            raise RefusedFieldError(name, "must be a non-empty string" if required else "must be a string")
    numbers = {name: _integer(body, name, *limits) for name, limits in _INTEGERS.items()}
    guidance = body.get("guidance_scale")
    if guidance is not None and (not isinstance(guidance, int | float) or isinstance(guidance, bool) or guidance < 0):
        raise RefusedFieldError("guidance_scale", "must be a number, 0 or more")
    image_format: ImageFormat = "jpeg" if body.get("output_format") == "jpeg" else "png"
    if body.get("output_format") not in (None, "png", "jpeg"):
        raise RefusedFieldError("output_format", "must be jpeg or png")
    if body.get("response_format") not in (None, *_RESPONSE_FORMATS):
        raise RefusedFieldError("response_format", f"must be one of {', '.join(_RESPONSE_FORMATS)}")
    return ImageRequest(
        model=body["model"],
        prompt=body["prompt"],
        width=numbers["width"],
        height=numbers["height"],
        seed=numbers["seed"],
        n=numbers["n"],
        image_format=image_format,
        as_url=body.get("response_format") == "url",
    )


def _scripted(fault: Fault) -> Answer | None:
    """Answer as the script says, when it leaves nothing to draw."""
    if fault.disconnect:
        return SILENCE
    headers = retry_after(fault.retry_after)
    if fault.body is not None:
        return Answer(fault.status or 200, {**JSON_HEADERS, **headers}, fault.body.encode())
    return _refusal(fault.status, "scripted fault", headers=headers) if fault.status else None


def _integer(body: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RefusedFieldError(name, f"must be an integer from {least} to {most}")
    return value


def _refusal(
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    kind = _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    error = {"message": message, "type": kind, "param": param, "code": code}
    digest = sha256(json.dumps([status, error]).encode()).hexdigest()[:24]
    return json_answer({"id": f"stand-in-{digest}", "error": error, "promptmill_stand_in": True}, status, headers)
