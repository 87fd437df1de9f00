"""What a provider is: one call that turns a request into an answer, or raises one of our errors.

A provider makes exactly one attempt. Retrying is the workflow's work, the ledger is ``jobs.attempt``'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from promptmill.prompting.model import ImageRequest, ProviderRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.providers.catalog import Model

__all__ = ["ATTEMPT_SECONDS", "Answer", "Image", "ImageRequest", "Provider", "ProviderRequest", "Usage"]

ATTEMPT_SECONDS = 60
"""What one attempt may take in all."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the provider says it used. ``estimated`` when it did not say and we counted ourselves."""

    input_tokens: int = 0
    output_tokens: int = 0
    images: int = 0
    megapixels: Decimal = Decimal(0)
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """One image as the provider sent it, checked to be what ``content_type`` says."""

    content: bytes = field(repr=False)
    content_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Text or images. ``truncated`` when the model stopped at its output limit."""

    usage: Usage
    text: str | None = field(default=None, repr=False)
    images: tuple[Image, ...] = ()
    truncated: bool = False
    provider_request_id: str | None = None


class Provider(Protocol):
    """``on_text`` receives the pieces of a text answer while the model produces them.

    The attempt is over, with ``ProviderTimeout``, within ``within_seconds`` where that is less than its own limit.
    """

    def generate(
        self,
        model: Model,
        request: ProviderRequest,
        *,
        on_text: Callable[[str], None] | None = None,
        within_seconds: float | None = None,
    ) -> Answer: ...
