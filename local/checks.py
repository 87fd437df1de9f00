"""Expectations that are all looked at, and named when they were not met."""

from __future__ import annotations

import threading


class Checks:
    """Counts what was expected and keeps what was not so. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.made = 0
        self.failed: list[str] = []

    def expect(self, expectation: str, met: object, found: object = None) -> bool:
        """``expectation`` reads as a sentence; ``found`` is added to it when it was not met."""
        with self._lock:
            self.made += 1
            if not met:
                self.failed.append(expectation if found is None else f"{expectation}; found {found}")
        return bool(met)
