"""The events of a job, in the order of their ids, and their text as Server-Sent Events. Pure.

An id is a place in one order, made from what is stored and so the same at every read: ``1`` queued, ``2`` running,
``2.<call>.<index>`` a chunk, ``3`` the terminal status, ``4`` done. Chunks count from 1 within a call, calls from 1
within a job; a chunk of a higher call begins the text anew.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from promptmill.jobs.model import Job

Place = tuple[int, ...]
"""An id as numbers: ``(2, 1, 7)`` is ``2.1.7``."""

QUEUED: Place = (1,)
RUNNING: Place = (2,)
ENDED: Place = (3,)
DONE: Place = (4,)

RETRY_MS = 500
# One answer is a part of the stream; Lambda takes 6 MB and the rest is there at the next request.
MAX_ANSWER_BYTES = 1024 * 1024

ID_PATTERN = r"^(?:[134]|2(?:\.[1-9][0-9]{0,3}\.[1-9][0-9]{0,5})?)$"
# No line ends to the format, but to many that read lines of it.
_LINE_SEPARATORS = {ord(character): f"\\u{ord(character):04x}" for character in "\x85\u2028\u2029"}


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of the text that one call is writing. ``call`` and ``index`` count from 1."""

    call: int
    index: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Event:
    place: Place
    name: str
    data: dict[str, Any] = field(repr=False)

    @property
    def id(self) -> str:
        return id_of(self.place)

    def to_text(self) -> str:
        data = json.dumps(self.data, ensure_ascii=False, separators=(",", ":")).translate(_LINE_SEPARATORS)
        return f"id: {self.id}\nevent: {self.name}\ndata: {data}\n\n"


@dataclass(frozen=True, slots=True)
class News:
    """What came of a job after a place in its stream. ``is_over`` when nothing will come any more."""

    events: tuple[Event, ...]
    is_over: bool

    def __bool__(self) -> bool:
        return self.is_over or bool(self.events)


def id_of(place: Place) -> str:
    return ".".join(map(str, place))


def place_of(event_id: str) -> Place:
    """The place an id names; ``ValueError`` for what is no id of an event."""
    if not re.fullmatch(ID_PATTERN, event_id):
        raise ValueError("not the id of an event")
    return tuple(map(int, event_id.split(".")))


def news_of(job: Job, chunks: Sequence[Chunk], after: Place | None, *, document: Callable[[], dict[str, Any]]) -> News:
    """The events after a place, or all of them; ``document``, the whole job, is made when ``done`` is among them.

    ``chunks`` are in order, and with a job that is over all of them. One that is written later, by a call that a cancel
    did not reach, stands before the end in the order, so whoever has seen the end never gets it.
    """
    after = after or ()
    events = [_status(QUEUED, "queued", job.created_at)]
    if job.started_at is not None:
        events.append(_status(RUNNING, "running", job.started_at))
    events += [_chunk(chunk) for chunk in chunks]
    if job.status.is_terminal:
        events.append(_status(ENDED, job.status.value, job.finished_at))
    newer = [event for event in events if event.place > after]
    if job.status.is_terminal and after < DONE:
        newer.append(Event(DONE, "done", document()))
    return News(tuple(newer), is_over=job.status.is_terminal and after >= DONE)


def answer_text(news: News, after: Place | None, *, max_bytes: int = MAX_ANSWER_BYTES) -> str:
    """One answer of the stream: how soon to come back, then as many events as fit, or that there are none yet.

    The id the reader came with is said again: by the format's letter, a reader that gets no event forgets it.
    https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    """
    head = f"retry: {RETRY_MS}\n\n" if after is None else f"id: {id_of(after)}\nretry: {RETRY_MS}\n\n"
    texts = [event.to_text() for event in news.events]
    sizes = accumulate(len(text.encode()) for text in texts)
    kept = [text for text, size in zip(texts, sizes, strict=True) if size <= max_bytes] or texts[:1]
    return head + ("".join(kept) or ": waiting\n\n")


def _status(place: Place, status: str, at: str | None) -> Event:
    return Event(place, "status", {"status": status, "sequence": place[0], "at": at})


def _chunk(chunk: Chunk) -> Event:
    place = (*RUNNING, chunk.call, chunk.index)
    return Event(place, "chunk", {"call": chunk.call, "index": chunk.index, "text": chunk.text})
