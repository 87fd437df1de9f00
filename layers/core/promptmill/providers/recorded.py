"""What a provider answered, kept with the call, and given again as the answer of another job at no cost."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from promptmill.errors import JobStateBroken
from promptmill.prompting.model import TextRequest
from promptmill.providers.catalog import ImagePrice, Model, TextPrice
from promptmill.providers.interface import Answer, Image, Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.providers.interface import ProviderRequest

_NOTHING = Decimal(0)


def record(answer: Answer, result: dict[str, Any]) -> dict[str, Any]:
    """The stored form of an answer.

    A text as the provider wrote it, with its tokens; of images the entries that the job's result has of them.
    """
    if answer.text is None:
        return {"images": result["images"]}
    return {
        "text": answer.text,
        "truncated": answer.truncated,
        "input_tokens": answer.usage.input_tokens,
        "output_tokens": answer.usage.output_tokens,
    }


def free_model(alias: str, request: ProviderRequest) -> Model:
    """The model that answered once, at no price. The catalog need not have it any more."""
    is_text = isinstance(request, TextRequest)
    price = TextPrice(_NOTHING, _NOTHING) if is_text else ImagePrice(_NOTHING, at_steps=1)
    return Model(alias=alias, provider="recorded", model_id=alias, kinds=(), price=price)


class RecordedProvider:
    """``recorded`` gives the stored form of an answer, ``read`` an image's content by its key, None when it is gone.

    Raises ``JobStateBroken`` when an image is gone, or is not the one that was recorded, and what the two raise.
    """

    def __init__(self, recorded: Callable[[], dict[str, Any]], read: Callable[[str], bytes | None]) -> None:
        self._recorded = recorded
        self._read = read

    def generate(
        self,
        model: Model,
        request: ProviderRequest,
        *,
        on_text: Callable[[str], None] | None = None,
        within_seconds: float | None = None,
    ) -> Answer:
        """The recorded answer, a text in one piece. No model is asked."""
        del model, request, within_seconds
        recorded = self._recorded()
        if "images" in recorded:
            images = tuple(self._image(entry) for entry in recorded["images"])
            return Answer(usage=Usage(images=len(images)), images=images)
        text: str = recorded["text"]
        if on_text is not None:
            on_text(text)
        usage = Usage(input_tokens=recorded["input_tokens"], output_tokens=recorded["output_tokens"])
        return Answer(usage=usage, text=text, truncated=recorded["truncated"])

    def _image(self, entry: dict[str, Any]) -> Image:
        content = self._read(entry["key"])
        if content is None or hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise JobStateBroken("an image that was recorded is gone")
        return Image(content=content, content_type=entry["content_type"], width=entry["width"], height=entry["height"])
