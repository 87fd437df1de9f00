"""What stands in for the network: names that resolve as a test says, and connections that are noted."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

BODY = b'{"type":"job.succeeded"}'
HEADERS = {"webhook-id": "evt_1", "webhook-timestamp": "1", "webhook-signature": "v1,c2lnbmVk"}


@dataclass
class Names:
    """Answers each question with the next of ``answers``, and with the last one from then on."""

    answers: list[list[str]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


@dataclass
class Connections:
    """Notes the addresses that are connected to. Those in ``failing`` raise, others are this machine's ``port``."""

    port: int = 0
    failing: dict[str, OSError] = field(default_factory=dict)
    opened: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, address: str, port: int, timeout_seconds: float) -> socket.socket:
        self.opened.append((address, port))
        if address in self.failing:
            raise self.failing[address]
        return socket.create_connection(("127.0.0.1", self.port), timeout_seconds)
