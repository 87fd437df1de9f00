"""Passes a call's text on while the model writes it: few writes, in order, and never at the cost of the call.

Readers get the result with the job in any case, so what cannot be written is given up, not fought for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptmill.clock import monotonic_ms
from promptmill.errors import TransientError
from promptmill.jobs.streaming.events import Chunk
from promptmill.step_log import log_given_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptmill.jobs.model import Job
    from promptmill.jobs.streaming.store import ChunkStore

BATCH_MS = 250
BATCH_BYTES = 2048
# With the timeouts of one write this is what a table that hangs may hold a paid call up, all in all: 6 seconds.
MAX_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Waiting:
    """Text that waits to be written. ``since_try_ms`` is the time since the last write was tried, None before any."""

    size_bytes: int
    since_try_ms: int | None
    last_failed: bool = False


def is_due(waiting: Waiting) -> bool:
    """Whether to write now: the first text at once, then what is old or large enough.

    After a failure only time counts.
    """
    if not waiting.size_bytes:
        return False
    if waiting.since_try_ms is None or waiting.since_try_ms >= BATCH_MS:
        return True
    return waiting.size_bytes >= BATCH_BYTES and not waiting.last_failed


class ChunkWriter:
    """Takes the pieces of one call's text, as ``Provider.generate`` gives them, and writes them in chunks.

    A write that failed may have landed all the same, so its chunk is written again as it was until it succeeds. Nothing
    here raises.
    """

    def __init__(self, chunks: ChunkStore, job: Job, call: int, *, clock: Callable[[], int] = monotonic_ms) -> None:
        self._chunks = chunks
        self._job = job
        self._call = call
        self._clock = clock
        self._text = ""
        self._half = ""
        self._unsure: Chunk | None = None
        self._written = 0
        self._failures = 0
        self._tried_at_ms: int | None = None
        self._gave_up = False

    def __call__(self, piece: str) -> None:
        """Takes a piece, and writes what is due."""
        if self._gave_up:
            return
        whole, self._half = _whole_characters(self._half + piece)
        self._text += whole
        while not self._gave_up and is_due(self._waiting()):
            self._write()

    def finish(self) -> None:
        """Writes what is left."""
        self._text, self._half = self._text + self._half, ""
        while not self._gave_up and self._waiting().size_bytes:
            self._write()

    def _waiting(self) -> Waiting:
        unsure = self._unsure.text if self._unsure else ""
        return Waiting(
            size_bytes=len(unsure.encode(errors="replace")) + len(self._text.encode(errors="replace")),
            since_try_ms=None if self._tried_at_ms is None else self._clock() - self._tried_at_ms,
            last_failed=self._unsure is not None,
        )

    def _write(self) -> None:
        """Tries the chunk that may have landed, or else one of all the text there is."""
        chunk = self._unsure
        if chunk is None:
            chunk, self._text = Chunk(self._call, self._written + 1, _storable(self._text)), ""
        try:
            self._chunks.put(self._job, chunk)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not cost the paid answer
            self._unsure = chunk
            self._failures += 1
            if self._failures >= MAX_FAILURES or not isinstance(error, TransientError):
                self._gave_up = True
                log_given_up(
                    "streaming",
                    error,
                    job_id=self._job.id,
                    correlation_id=self._job.correlation_id,
                    call=str(self._call),
                )
        else:
            self._unsure = None
            self._written += 1
        self._tried_at_ms = self._clock()


def _whole_characters(text: str) -> tuple[str, str]:
    """The text without half a character at its end, which waits for its other half, and that half."""
    return (text[:-1], text[-1]) if "\ud800" <= text[-1:] <= "\udbff" else (text, "")


def _storable(text: str) -> str:
    """The text with its surrogates, which JSON may carry one by one, joined into characters or replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
