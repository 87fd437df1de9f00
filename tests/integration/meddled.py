"""Somebody else who writes at the worst moment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Meddled:
    """A client that somebody else gets ahead of at a transaction."""

    def __init__(self, client: Any, meddle: Callable[[], object]) -> None:
        self._client = client
        self._meddle = meddle

    def transact_write_items(self, **request: Any) -> Any:
        self._meddle()
        return self._client.transact_write_items(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
