from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings as hypothesis_settings

from promptmill.http.openapi import openapi_document
from promptmill.http.resolver import logger
from promptmill.settings import settings
from tests.unit.http.calls import ORIGINS, SALT

if TYPE_CHECKING:
    from collections.abc import Iterator

hypothesis_settings.register_profile("any machine", deadline=None)
hypothesis_settings.load_profile("any machine")


ENVIRONMENT = {
    "PROMPTMILL_STAGE": "dev",
    "PROMPTMILL_OWNER_SALT": SALT,
    "PROMPTMILL_LIBRARY_TABLE": "library",
    "PROMPTMILL_CORS_ORIGINS": ", ".join(ORIGINS),
    "POWERTOOLS_SERVICE_NAME": "promptmill",
}


@pytest.fixture(autouse=True)
def _function_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The variables the template gives to the API functions."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture(autouse=True)
def _offline(socket_disabled: None) -> None:
    """No test here needs a network."""


class LogLines(logging.Handler):
    """The lines the functions log, as they are written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    @property
    def facts(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The OpenAPI document, as the code makes it."""
    return openapi_document()


@pytest.fixture
def log() -> Iterator[LogLines]:
    lines = LogLines()
    powertools = logger()
    lines.setFormatter(powertools.registered_formatter)
    underlying = logging.getLogger(powertools.name)
    underlying.addHandler(lines)
    yield lines
    underlying.removeHandler(lines)
