"""Together's side of the wire, and what the provider makes of it."""

from __future__ import annotations

import base64
import json
import traceback
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from promptmill.errors import PromptmillError
from promptmill.providers.interface import Usage
from tests.support.loopback import http_answer
from tests.unit.providers.builders import a_picture, an_image_model, an_image_request

if TYPE_CHECKING:
    from promptmill.providers.flux import FluxProvider
    from promptmill.providers.interface import Answer, ImageRequest

KEY = "key-canary-5e2f"
CANARY = "provider-text-that-may-quote-the-prompt"
PICTURE = a_picture()
USED = Usage(images=1, megapixels=Decimal("0.002048"))
BILLED = Usage(images=1, megapixels=Decimal("0.002048"), estimated=True)


def entry(content: bytes = PICTURE, index: int | None = 0) -> dict[str, Any]:
    return {"index": index, "b64_json": base64.b64encode(content).decode()}


def pictures(*entries: object) -> bytes:
    return json.dumps({"id": "req-1", "model": "painter", "object": "list", "data": entries}).encode()


def ok(body: bytes) -> bytes:
    return http_answer(200, {"Content-Type": "application/json"}, body)


def ask(provider: FluxProvider, request: ImageRequest | None = None) -> Answer:
    return provider.generate(an_image_model(), request or an_image_request())


def failing(provider: FluxProvider, request: ImageRequest | None = None) -> PromptmillError:
    """The error of a call that must fail; neither the key nor the provider's text is in it or behind it."""
    with pytest.raises(PromptmillError) as caught:
        ask(provider, request)
    error: BaseException | None = caught.value
    while error is not None:
        shown = "".join(traceback.format_exception(error)) + repr(error) + str(error) + repr(vars(error))
        assert KEY not in shown
        assert CANARY not in shown
        error = error.__context__
    return caught.value
