"""What the tests of the providers are about, with everything that a test does not care about filled in."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Literal

from PIL import Image as Picture

from promptmill.prompting.model import Message, TextRequest
from promptmill.prompting.task_type import TaskType
from promptmill.providers.catalog import ImagePrice, Model, TextPrice
from promptmill.providers.interface import ImageRequest

if TYPE_CHECKING:
    from datetime import date


def a_text_price(input_usd: str = "1.10", output_usd: str = "5.50") -> TextPrice:
    return TextPrice(Decimal(input_usd), Decimal(output_usd))


def a_text_model(
    alias: str = "clever",
    *,
    price: TextPrice | None = None,
    kinds: tuple[str, ...] = ("enhance", "chat"),
    ends_on: date | None = None,
    max_output_tokens: int | None = 1000,
) -> Model:
    return Model(
        alias=alias,
        provider="bedrock",
        model_id=f"vendor.{alias}-v1:0",
        kinds=kinds,
        max_output_tokens=max_output_tokens,
        ends_on=ends_on,
        price=price or a_text_price(),
    )


def a_rules_model() -> Model:
    return Model(alias="rules", provider="rules", model_id="rules", kinds=("enhance",), price=a_text_price("0", "0"))


def an_image_model(alias: str = "painter", *, usd: str = "0.0027", at_steps: int = 4) -> Model:
    price = ImagePrice(Decimal(usd), at_steps)
    return Model(alias=alias, provider="flux", model_id=f"vendor/{alias}", kinds=("image",), price=price)


def an_unpriced_model() -> Model:
    return Model(alias="mystery", provider="bedrock", model_id="vendor.mystery", kinds=("enhance",))


def a_text_request(
    *texts: str, system: str = "Be brief.", max_output_tokens: int = 300, temperature: float = 0.3
) -> TextRequest:
    """``texts`` alternate between user and assistant."""
    roles = ("user", "assistant")
    return TextRequest(
        system=system,
        messages=tuple(Message(roles[at % 2], text) for at, text in enumerate(texts or ("Hello there",))),
        max_output_tokens=max_output_tokens,
        temperature=temperature,
        prompt_version="test",
        task_type=TaskType.GENERAL,
    )


def an_image_request(
    *, width: int = 64, height: int = 32, steps: int = 4, n: int = 1, negative_prompt: str | None = None
) -> ImageRequest:
    return ImageRequest(
        prompt="a red fox", width=width, height=height, steps=steps, n=n, seed=7, negative_prompt=negative_prompt
    )


def a_picture(width: int = 64, height: int = 32, kind: Literal["PNG", "JPEG"] = "PNG") -> bytes:
    content = BytesIO()
    Picture.linear_gradient("L").resize((width, height)).save(content, kind)
    return content.getvalue()


class FakeClock:
    """Milliseconds that pass only when told."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)
