"""An EventSource by the letter of the standard, without the network.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Received:
    id: str
    name: str
    data: str

    @property
    def json(self) -> Any:
        return json.loads(self.data)


class EventSource:
    """``events`` are those dispatched so far; ``last_event_id`` is what the next request would send, if not empty."""

    def __init__(self) -> None:
        self.events: list[Received] = []
        self.last_event_id = ""
        self.retry_ms: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Last-Event-ID": self.last_event_id} if self.last_event_id else {}

    def receive(self, content: bytes) -> None:
        """One answer, or as much of it as came before the connection was cut."""
        *lines, _cut_off = _LINE_END.split(content.decode("utf-8", "replace"))
        last_id, name, data = "", "", list[str]()
        for line in lines:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                self.last_event_id = last_id
                if data:
                    self.events.append(Received(last_id, name or "message", "\n".join(data)))
                name, data = "", []
            elif field == "data":
                data.append(value)
            elif field == "event":
                name = value
            elif field == "id" and "\0" not in value:
                last_id = value
            elif field == "retry" and value.isascii() and value.isdigit():
                self.retry_ms = int(value)

    def text(self) -> str:
        """The text of the last call that wrote any, as a page that follows the job shows it."""
        chunks = [event.json for event in self.events if event.name == "chunk"]
        last_call = max((chunk["call"] for chunk in chunks), default=0)
        return "".join(chunk["text"] for chunk in chunks if chunk["call"] == last_call)
