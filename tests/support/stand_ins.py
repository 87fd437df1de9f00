"""The stand-in providers of the stack: what they are told to do wrong, and who called them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal

import httpx

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.stack import Stack

Provider = Literal["chat", "flux"]
Fault = dict[str, Any]


class StandIns:
    """``match`` keeps the faults of one prompt away from all others, so tests that run side by side do not meet."""

    def __init__(self, stack: Stack) -> None:
        self._http = httpx.Client(base_url=stack.providers_url, timeout=10)

    def close(self) -> None:
        self._http.close()

    def script(self, provider: Provider, faults: Sequence[Fault], *, match: str) -> None:
        """The next calls whose prompt contains ``match`` go wrong like this, one fault per call."""
        script = [{**fault, "match": match} for fault in faults]
        answer = self._http.post("/_faults", json={"provider": provider, "script": script})
        assert answer.status_code == 200, answer.text

    def faults_left(self, match: str) -> list[Fault]:
        """The scripted faults of this ``match`` that no call has met."""
        return [
            fault
            for script in self._http.get("/_faults").json().values()
            for fault in script
            if fault["match"] == match
        ]

    def calls_about(self, prompt: str) -> list[dict[str, Any]]:
        """The recent calls with exactly this prompt, oldest first: provider, model and status of each."""
        digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        by_provider = self._http.get("/_calls").json()
        return [call for entry in by_provider.values() for call in entry["calls"] if call["prompt_sha256"] == digest]
