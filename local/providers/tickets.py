"""Carries a chat request out of MiniStack's Bedrock, so that its answer does not have to travel back through it.

MiniStack checks who may call Bedrock, which is why a call goes through it. On the way back it would lose what
matters here: it turns every upstream failure into a mock reply with status 200, drops the finish reason, collects a
stream before it answers and gives up after 30 s. So the chat endpoint behind it answers at once with a ticket as its
text; the gateway finds that ticket in MiniStack's answer, redeems it for the chat request as MiniStack translated it,
and only then asks the model. A ticket is random and redeemed once, so parallel calls, even with the same text, each
get their own answer; a MiniStack answer without one proves that MiniStack made its reply up.

MiniStack sends nothing that tells the gateway's calls from those of somebody who asks MiniStack directly. Those must
get text, not a ticket, so a ticket is issued only while the gateway waits for a call with the same model and the
same system and user texts.
"""

import hashlib
import json
import re
import secrets
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from local.providers.completion import ChatRequest

_TICKET = re.compile(r"promptmill-ticket-[0-9a-f]{32}")
_KEPT_TICKETS = 1_000


class Tickets:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._expected: Counter[str] = Counter()
        self._issued: dict[str, ChatRequest] = {}

    @contextmanager
    def expected(self, fingerprint: str) -> Iterator[None]:
        """For the time of the block, chat requests with this fingerprint are answered with tickets."""
        with self._lock:
            self._expected[fingerprint] += 1
        try:
            yield
        finally:
            with self._lock:
                self._expected[fingerprint] -= 1
                if self._expected[fingerprint] <= 0:
                    del self._expected[fingerprint]

    def issue(self, request: ChatRequest) -> str | None:
        """Issue a ticket for the request; None when the gateway waits for no such request."""
        fingerprint = request_fingerprint(request.model, [text for role, text in request.texts if role != "assistant"])
        with self._lock:
            if not self._expected[fingerprint]:
                del self._expected[fingerprint]
                return None
            ticket = f"promptmill-ticket-{secrets.token_hex(16)}"
            self._issued[ticket] = request
            while len(self._issued) > _KEPT_TICKETS:  # those of calls that broke off on their way back
                del self._issued[next(iter(self._issued))]
            return ticket

    def redeem(self, text: str) -> ChatRequest | None:
        """Return the request the text is a ticket for; None when it is no ticket, or one that was already redeemed."""
        if not _TICKET.fullmatch(text):
            return None
        with self._lock:
            return self._issued.pop(text, None)


def request_fingerprint(model: str, texts: Sequence[str]) -> str:
    """Of the model and the system and user texts in order: what MiniStack's translation of a call leaves unchanged."""
    return hashlib.sha256(json.dumps([model, *texts]).encode()).hexdigest()
