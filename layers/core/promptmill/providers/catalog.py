"""The models Promptmill may call, with their prices, limits and end dates, and which of them to try for a job.

Prices are US dollars as decimal strings, for the provider's on-demand tier in us-east-1, as of November 2026. Text is
priced per million tokens. An image is priced per megapixel (1,000,000 pixels) at ``at_steps`` steps; more steps scale
the price by steps / ``at_steps``, fewer do not lower it (https://docs.together.ai/docs/serverless-models). Limits are
the smallest the vendors document, so that a request within them is accepted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from promptmill.errors import BrokenContractError, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ProviderName = Literal["bedrock", "flux", "rules", "recorded"]

DEFAULT_TEXT_MODELS = ("claude-haiku-4.5", "nova-2-lite")
DEFAULT_IMAGE_MODELS = ("flux-schnell",)

_KINDS = ("enhance", "image", "chat", "template")
_REQUIRED = {"alias": str, "provider": str, "model_id": str, "kinds": list}
_OPTIONAL = {"context_tokens": int, "max_output_tokens": int, "ends_on": str, "price": dict, "note": str}
_TEXT_PRICE = {"input_usd_per_million_tokens", "output_usd_per_million_tokens"}
_IMAGE_PRICE = {"usd_per_megapixel", "at_steps"}
# Steps / at_steps must have a finite decimal expansion, or a cost could not be exact.
_EXACT_STEPS = (1, 2, 4, 5, 8, 10, 16, 20, 25, 50)


@dataclass(frozen=True, slots=True)
class TextPrice:
    input_usd_per_million_tokens: Decimal
    output_usd_per_million_tokens: Decimal


@dataclass(frozen=True, slots=True)
class ImagePrice:
    usd_per_megapixel: Decimal
    at_steps: int


@dataclass(frozen=True, slots=True)
class Model:
    """``alias`` is what requests, settings and the ledger say; ``model_id`` is what the provider is told.

    ``ends_on`` is the first day the model must not be called: AWS ends a model on that day "or shortly after". No
    ``price`` means unknown, and such a model is not called (``ModelUnpriced``).
    """

    alias: str
    provider: ProviderName
    model_id: str
    kinds: tuple[str, ...]
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    ends_on: date | None = None
    price: TextPrice | ImagePrice | None = None
    note: str | None = None

    def has_ended(self, on: date) -> bool:
        return self.ends_on is not None and on >= self.ends_on


@cache
def load_catalog() -> tuple[Model, ...]:
    """The catalog that ships with the package, read once. Raises ``BrokenContractError`` when it is not valid."""
    return parse_catalog(Path(__file__).with_name("catalog.json").read_text(encoding="utf-8"))


def find_model(alias: str, *, catalog: tuple[Model, ...] | None = None) -> Model:
    """The model of an alias, ended or not; ``InvalidInput`` at ``/model`` when there is none."""
    models = load_catalog() if catalog is None else catalog
    for model in models:
        if model.alias == alias:
            return model
    raise _unsuitable("is not a known model", models)


def candidates(
    kind: str,
    requested_alias: str | None,
    configured: Sequence[str],
    on: date,
    *,
    catalog: tuple[Model, ...] | None = None,
) -> tuple[Model, ...]:
    """The models to try for a job, in order, each once.

    The requested one, then the configured ones, and for ``enhance`` the rule-based enhancer last; only models of this
    kind that have a price and have not ended on that day.

    A request names a price as much as a model: its fallbacks are the configured models that cost no more than the
    requested one in every price. ``InvalidInput`` at ``/model`` for a requested model that cannot be used;
    ``BrokenContractError`` when the configuration names an unknown model, or none that can be used.
    """
    models = load_catalog() if catalog is None else catalog
    unknown = sorted(set(configured) - {model.alias for model in models})
    if unknown:
        raise BrokenContractError(f"the configured models are not in the catalog: {', '.join(unknown)}")
    priced = [model for model in models if model.price is not None]
    usable = {model.alias: model for model in priced if kind in model.kinds and not model.has_ended(on)}
    order = [usable[alias] for alias in configured if alias in usable]
    order += [model for model in usable.values() if model.provider == "rules"]
    if requested_alias is not None:
        requested = usable.get(requested_alias)
        if requested is None:
            raise _unsuitable(f"cannot be used for kind {kind}", usable.values())
        order = [requested, *(model for model in order if _costs_no_more(model, requested))]
    if not order:
        raise BrokenContractError(f"no usable model is configured for kind {kind}")
    rules_last = sorted(dict.fromkeys(order), key=lambda model: model.provider == "rules")
    return tuple(rules_last)


def public_catalog(*, catalog: tuple[Model, ...] | None = None) -> dict[str, Any]:
    """The answer of ``GET /v1/models``; prices are strings, and ``null`` where unknown."""
    models = load_catalog() if catalog is None else catalog
    return {
        "object": "list",
        "data": [
            {
                "alias": model.alias,
                "provider": model.provider,
                "kinds": list(model.kinds),
                "price": _public_price(model.price),
                "limits": {"context_tokens": model.context_tokens, "max_output_tokens": model.max_output_tokens},
                "ends_on": model.ends_on.isoformat() if model.ends_on else None,
            }
            for model in models
        ],
    }


def parse_catalog(text: str) -> tuple[Model, ...]:
    """The models of a catalog document. Raises ``BrokenContractError`` naming the entry and what is wrong with it."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise BrokenContractError(f"the catalog is not JSON: {error}") from error
    if not isinstance(document, dict) or set(document) != {"models"} or not isinstance(document["models"], list):
        raise BrokenContractError('the catalog must be {"models": [...]}')
    models = tuple(_model(entry) for entry in document["models"])
    for field in ("alias", "model_id"):
        values = [getattr(model, field) for model in models]
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise BrokenContractError(f"the catalog has the same {field} twice: {', '.join(twice)}")
    return models


def _model(entry: object) -> Model:
    if not isinstance(entry, dict):
        raise BrokenContractError("a catalog entry must be an object")
    name = entry.get("alias", "without alias")
    types = _REQUIRED | _OPTIONAL
    for problem, fields in (("lacks", _REQUIRED.keys() - entry.keys()), ("has unknown", entry.keys() - types.keys())):
        if fields:
            raise BrokenContractError(f"catalog entry {name} {problem} fields: {', '.join(sorted(fields))}")
    for field, value in entry.items():
        if type(value) is not types[field] or not value or (isinstance(value, int) and value < 1):
            raise BrokenContractError(f"catalog entry {name}: {field} is not valid")
    if entry["provider"] not in ("bedrock", "flux", "rules") or not all(kind in _KINDS for kind in entry["kinds"]):
        raise BrokenContractError(f"catalog entry {name}: unknown provider or kind")
    return Model(
        alias=entry["alias"],
        provider=cast("ProviderName", entry["provider"]),
        model_id=entry["model_id"],
        kinds=tuple(entry["kinds"]),
        context_tokens=entry.get("context_tokens"),
        max_output_tokens=entry.get("max_output_tokens"),
        ends_on=_day(name, entry["ends_on"]) if "ends_on" in entry else None,
        price=_price(name, entry["price"], images="image" in entry["kinds"]) if "price" in entry else None,
        note=entry.get("note"),
    )


def _price(name: str, price: dict[str, Any], *, images: bool) -> TextPrice | ImagePrice:
    if images and set(price) == _IMAGE_PRICE and price["at_steps"] in _EXACT_STEPS:
        return ImagePrice(_usd(name, price["usd_per_megapixel"]), int(price["at_steps"]))
    if not images and set(price) == _TEXT_PRICE:
        return TextPrice(
            _usd(name, price["input_usd_per_million_tokens"]), _usd(name, price["output_usd_per_million_tokens"])
        )
    raise BrokenContractError(f"catalog entry {name}: price is not valid")


def _usd(name: str, value: object) -> Decimal:
    whole, _, fraction = value.partition(".") if isinstance(value, str) else ("", "", "")
    digits = f"{whole}{fraction}"
    if not (whole and digits.isascii() and digits.isdigit()):
        raise BrokenContractError(f"catalog entry {name}: a price must be a string such as 0.25, and not negative")
    return Decimal(cast("str", value))


def _day(name: str, value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise BrokenContractError(f"catalog entry {name}: ends_on is not a date") from error


def _costs_no_more(model: Model, than: Model) -> bool:
    match model.price, than.price:
        case TextPrice() as price, TextPrice() as ceiling:
            return (
                price.input_usd_per_million_tokens <= ceiling.input_usd_per_million_tokens
                and price.output_usd_per_million_tokens <= ceiling.output_usd_per_million_tokens
            )
        case ImagePrice() as price, ImagePrice() as ceiling:
            return price.usd_per_megapixel <= ceiling.usd_per_megapixel and price.at_steps >= ceiling.at_steps
        case _:
            return model is than


def _unsuitable(problem: str, offered: Iterable[Model]) -> InvalidInput:
    aliases = ", ".join(sorted(model.alias for model in offered))
    return InvalidInput("The model cannot be used.", errors=(("/model", f"{problem}; one of: {aliases}"),))


def _public_price(price: TextPrice | ImagePrice | None) -> dict[str, str | int] | None:
    match price:
        case TextPrice():
            return {
                "input_usd_per_million_tokens": str(price.input_usd_per_million_tokens),
                "output_usd_per_million_tokens": str(price.output_usd_per_million_tokens),
            }
        case ImagePrice():
            return {"usd_per_megapixel": str(price.usd_per_megapixel), "at_steps": price.at_steps}
        case None:
            return None
