"""The record of calls a test reads back: who was called and how it ended, never what was asked."""

import hashlib
import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any, Literal

Provider = Literal["chat", "flux"]
PROVIDERS: tuple[Provider, ...] = ("chat", "flux")
KEPT_CALLS = 200


@dataclass(frozen=True, slots=True)
class CallNote:
    """What an endpoint knows of a call before its answer is written."""

    provider: Provider
    model: str
    prompt: str

    @property
    def prompt_sha256(self) -> str:
        return hashlib.sha256(self.prompt.encode("utf-8", "surrogatepass")).hexdigest()[:12]


class Calls:
    """Counts every call and keeps the last 200 per provider. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._statuses: dict[Provider, Counter[str]] = {name: Counter() for name in PROVIDERS}
        self._recent: dict[Provider, deque[dict[str, Any]]] = {name: deque(maxlen=KEPT_CALLS) for name in PROVIDERS}

    def record(self, note: CallNote, status: int, milliseconds: float) -> None:
        """`status` 0 means that no answer was sent."""
        entry = {
            "provider": note.provider,
            "model": note.model,
            "status": status,
            "ms": round(milliseconds, 2),
            "prompt_sha256": note.prompt_sha256,
        }
        with self._lock:
            self._statuses[note.provider][str(status)] += 1
            self._recent[note.provider].append(entry)

    def to_json(self) -> dict[str, Any]:
        """Show `{provider: {"count": all since the last clear, "by_status": {"200": n}, "calls": oldest first}}`."""
        with self._lock:
            return {
                name: {
                    "count": self._statuses[name].total(),
                    "by_status": dict(self._statuses[name]),
                    "calls": list(self._recent[name]),
                }
                for name in PROVIDERS
            }

    def clear(self) -> None:
        with self._lock:
            for name in PROVIDERS:
                self._statuses[name].clear()
                self._recent[name].clear()
