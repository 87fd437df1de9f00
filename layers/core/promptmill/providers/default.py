"""The models of a deployment, from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def models_of(text_models: str, image_models: str) -> Mapping[str, Sequence[str]]:
    """The aliases of the models to try, best first, by the kind of job, as a deployment writes them."""
    return {
        kind: [alias.strip() for alias in aliases.split(",")]
        for kind, aliases in (("enhance", text_models), ("image", image_models))
    }


def configured_models() -> Mapping[str, Sequence[str]]:
    """This process's models."""
    return models_of(*settings().require("text_models", "image_models"))
