"""The settings the functions have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from promptmill.settings import settings
from tests.unit.samples.samples import MODELS, SALT


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch, socket_disabled: None) -> Iterator[None]:
    monkeypatch.setenv("PROMPTMILL_STAGE", "dev")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "promptmill")
    monkeypatch.setenv("PROMPTMILL_OWNER_SALT", SALT)
    monkeypatch.setenv("PROMPTMILL_TEXT_MODELS", ",".join(MODELS["enhance"]))
    monkeypatch.setenv("PROMPTMILL_IMAGE_MODELS", ",".join(MODELS["image"]))
    settings.cache_clear()
    yield
    settings.cache_clear()
