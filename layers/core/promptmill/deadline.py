"""The time something may take in all, however its bytes are spread over it."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from promptmill.clock import monotonic_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def shorter_seconds(attempt_seconds: float, within_seconds: float | None) -> float:
    """What an attempt may take: its own time, or what its caller leaves it where that is less. Never negative."""
    return attempt_seconds if within_seconds is None else max(0.0, min(attempt_seconds, within_seconds))


class Deadline:
    """``clock`` is monotonic, in milliseconds."""

    def __init__(self, seconds: float, clock: Callable[[], int] = monotonic_ms) -> None:
        self._clock = clock
        self._ends_ms = clock() + round(seconds * 1000)

    def remaining_seconds(self) -> float:
        """Never negative."""
        return max(0, self._ends_ms - self._clock()) / 1000

    def passed(self) -> bool:
        return self._clock() >= self._ends_ms

    @contextlib.contextmanager
    def cutting(self, cut: Callable[[], None]) -> Iterator[None]:
        """Calls ``cut`` from another thread at the deadline, unless the block has been left by then.

        A socket timeout starts again with every byte, so alone it does not end an answer that drips.
        """
        timer = threading.Timer(self.remaining_seconds(), cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def hang_up(sock: socket.socket) -> None:
    """Ends a read or write that is under way in another thread; it may have ended by itself."""
    with contextlib.suppress(OSError):
        # Past the TLS layer, which would first take part in the read.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
