"""A server on this machine that answers with exactly the bytes a test writes, and keeps what it was sent."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

DRIP_SECONDS = 0.02


@dataclass(frozen=True)
class Received:
    """A request as it arrived; header names are in lower case."""

    target: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Respond = Callable[["Connection"], None]


class Connection:
    """One client's connection, while a test's ``respond`` has it."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self._sock = sock
        self._stopping = stopping

    def send(self, content: bytes) -> None:
        self._sock.sendall(content)

    def drip(self, content: bytes) -> None:
        """A byte at a time, with a pause after each, until all are sent or the client has gone."""
        for at in range(len(content)):
            if self._stopping.wait(DRIP_SECONDS):
                return
            self.send(content[at : at + 1])

    def stay_silent(self) -> None:
        """Until the server stops or the client hangs up."""
        self._sock.settimeout(DRIP_SECONDS)
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                if not self._sock.recv(1):
                    return

    def reset(self) -> None:
        """Breaks the connection off, rather than ending it."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Loopback:
    """``respond`` writes the answer to the one request of a connection, which is closed then.

    Connections are served side by side. ``wrap`` makes an accepted socket the one to talk over.
    """

    def __init__(self, wrap: Callable[[socket.socket], socket.socket] = lambda sock: sock) -> None:
        self.respond: Respond = lambda connection: connection.send(http_answer(500))
        self.received: list[Received] = []
        self._wrap = wrap
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._answering: list[threading.Thread] = []

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self, *pieces: bytes) -> None:
        """Makes these bytes the answer to every request from now on, and forgets the requests so far."""
        self.received.clear()
        self.respond = lambda connection: connection.send(b"".join(pieces))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        # Closing a listener does not end an accept that waits on it.
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            pass
        for thread in (self._thread, *self._answering):
            thread.join(timeout=5)
        self._listener.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            sock, _ = self._listener.accept()
            thread = threading.Thread(target=self._answer, args=(sock,), daemon=True)
            self._answering.append(thread)
            thread.start()

    def _answer(self, sock: socket.socket) -> None:
        sock.settimeout(5)
        with contextlib.suppress(OSError):
            sock = self._wrap(sock)
            request = _read_request(sock)
            if request is not None:
                self.received.append(request)
                self.respond(Connection(sock, self._stopping))
        sock.close()


def http_answer(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    fields = {"Content-Length": str(len(body)), "Connection": "close"} | dict(headers or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"HTTP/1.1 {status} Some Reason\r\n{head}\r\n".encode() + body


def chunked_head(content_type: str, *, keep_alive: bool = False) -> bytes:
    fields = {"Content-Length": "", "Transfer-Encoding": "chunked", "Content-Type": content_type}
    if keep_alive:
        fields["Connection"] = "keep-alive"
    return http_answer(200, fields)


def chunks(pieces: Iterable[bytes]) -> bytes:
    return b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces)


LAST_CHUNK = b"0\r\n\r\n"


def _read_request(sock: socket.socket) -> Received | None:
    with sock.makefile("rb") as stream:
        line = stream.readline().decode()
        if not line:
            return None
        headers: dict[str, str] = {}
        while field := stream.readline().decode().strip():
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", "0")))
    return Received(line.split()[1], headers, body)
