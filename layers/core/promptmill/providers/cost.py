"""What a call costs. Exact decimal arithmetic: nothing here rounds but ``format_usd``."""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal, Inexact, InvalidOperation, Overflow, localcontext
from typing import TYPE_CHECKING

from promptmill.errors import ModelUnpriced
from promptmill.prompting.model import TextRequest
from promptmill.providers.catalog import ImagePrice, TextPrice
from promptmill.providers.interface import Usage

if TYPE_CHECKING:
    from promptmill.providers.catalog import Model
    from promptmill.providers.interface import ImageRequest, ProviderRequest

USD_DECIMALS = 9

# Far more digits than a bill has; a result that would still be rounded raises instead.
_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow])
_FORMAT = Context(prec=100)
_UNITS_PER_MILLION = Decimal(1_000_000)
# Roles and separators cost a few tokens per message at every vendor.
_TOKENS_PER_MESSAGE = 16


def cost_usd(model: Model, usage: Usage) -> Decimal:
    """The exact price of what was used; ``ModelUnpriced`` when the catalog has no price for it, never 0 instead."""
    with localcontext(_EXACT):
        match model.price:
            case TextPrice() as price if not usage.images:
                input_usd = usage.input_tokens * price.input_usd_per_million_tokens
                output_usd = usage.output_tokens * price.output_usd_per_million_tokens
                return (input_usd + output_usd) / _UNITS_PER_MILLION
            case ImagePrice() as price if not (usage.input_tokens or usage.output_tokens):
                return usage.megapixels * price.usd_per_megapixel
            case _:
                raise ModelUnpriced


def upper_bound_usd(model: Model, request: ProviderRequest) -> Decimal:
    """The most this call can cost, for the ledger row written before it. ``ModelUnpriced`` as for ``cost_usd``.

    A byte-level tokenizer makes at most one token of a byte, so a text's bytes bound its tokens.
    """
    if isinstance(request, TextRequest):
        texts = [request.system, *(message.text for message in request.messages)]
        input_tokens = sum(_bytes(text) + _TOKENS_PER_MESSAGE for text in texts)
        return cost_usd(model, Usage(input_tokens=input_tokens, output_tokens=output_limit(model, request)))
    return cost_usd(model, Usage(images=request.n, megapixels=billed_megapixels(model, request)))


def output_limit(model: Model, request: TextRequest) -> int:
    """The output tokens to ask for: the request's limit, or the model's when that is lower."""
    return min(request.max_output_tokens, model.max_output_tokens or request.max_output_tokens)


def billed_megapixels(model: Model, request: ImageRequest) -> Decimal:
    """Megapixels of all images of a request, scaled by the steps above those the price is for (see ``catalog``)."""
    if not isinstance(model.price, ImagePrice):
        raise ModelUnpriced
    with localcontext(_EXACT):
        steps = max(request.steps, model.price.at_steps)
        pixel_steps = Decimal(request.width * request.height * request.n * steps)
        return pixel_steps / model.price.at_steps / _UNITS_PER_MILLION


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has, for a provider that did not say: 3.5 bytes each, rounded up.

    https://platform.claude.com/docs/en/about-claude/glossary#tokens gives 3.5 English characters for a token.
    """
    return -(-_bytes(text) * 2 // 7)


def format_usd(amount: Decimal) -> str:
    """Plain decimal notation, rounded up to ``USD_DECIMALS`` decimals, without trailing zeros: ``0.000412``, ``0``."""
    rounded = amount.quantize(Decimal(1).scaleb(-USD_DECIMALS), ROUND_CEILING, _FORMAT)
    text = f"{rounded:f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
