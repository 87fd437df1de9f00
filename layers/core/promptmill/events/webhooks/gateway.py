"""Sends an event to a webhook: one POST to an address that was checked, and a look at the head of the answer.

Whoever makes a webhook chooses where our network connects to. So a name is resolved for every request, all its
addresses must be public, and the connection goes to one of the addresses that were looked at, not to the name
(docs/decisions/0024). Redirects, proxies and cookies are not followed, used or kept.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from functools import cache, partial
from http import HTTPStatus
from http.client import HTTPSConnection
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from promptmill.clock import monotonic_ms, now_ms
from promptmill.deadline import Deadline, hang_up
from promptmill.events.webhooks.answer import Answer, SendError, error_of_status, seconds_to_wait
from promptmill.events.webhooks.url import HTTPS_PORT, Target, check_url, host_address, is_public
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SEND_SECONDS = 15
MAX_HEAD_BYTES = 16_384
_CONNECT_SECONDS = 5
# Nothing can end a getaddrinfo; what it says later than this is not waited for. A resolver asks again after 5 seconds.
_RESOLVE_SECONDS = 7
# 0 would make a socket non-blocking.
_NO_TIME_SECONDS = 0.001
_PIECE_BYTES = 4096
_LOOPBACK_ADDRESS = "127.0.0.1"
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: .*)?")


class WebhookSender:
    """``resolve`` has the addresses of a name; ``connect`` opens a connection, given address, port and seconds.

    With ``loopback_ca``, the path of a PEM file, this machine may be sent to as well, and those authorities are trusted
    for it alone. ``public_ca`` is another such file in the place of the system's authorities.
    """

    def __init__(
        self,
        *,
        loopback_ca: str | None = None,
        public_ca: str | None = None,
        resolve: Callable[[str], list[str]] | None = None,
        connect: Callable[[str, int, float], socket.socket] | None = None,
        deadline_seconds: float = SEND_SECONDS,
    ) -> None:
        self._loopback_ca = loopback_ca
        self._public_ca = public_ca
        self._resolve = resolve or resolve_name
        self._connect = connect or _connect
        self._deadline_seconds = deadline_seconds

    def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """What became of one request, within ``deadline_seconds`` in all; nothing that others do raises."""
        began_ms = monotonic_ms()
        deadline = Deadline(self._deadline_seconds)
        status_code, error, retry_after_seconds = None, None, None
        try:
            status_code, retry_after = self._exchange(url, body, headers, deadline)
            error = error_of_status(status_code)
            retry_after_seconds = seconds_to_wait(retry_after, now_ms=now_ms())
        except _NotSent as failure:
            error = SendError.TIMED_OUT if deadline.passed() else failure.error
        return Answer(monotonic_ms() - began_ms, status_code, error, retry_after_seconds)

    def _exchange(self, url: str, body: bytes, headers: Mapping[str, str], deadline: Deadline) -> tuple[int, str]:
        """The status code and the Retry-After of the answer."""
        try:
            target = check_url(url, loopback_allowed=self._loopback_ca is not None)
        except ValueError:
            raise _NotSent(SendError.URL_REFUSED) from None
        context = _context(self._loopback_ca if target.is_loopback else self._public_ca)
        raw = self._connected(self._checked_addresses(target, deadline), target.port, deadline)
        try:
            # The wrapped socket takes the raw one's place; until then there is one to close.
            with raw, context.wrap_socket(raw, server_hostname=target.host, do_handshake_on_connect=False) as sock:
                sock.settimeout(deadline.remaining_seconds() or _NO_TIME_SECONDS)
                with deadline.cutting(partial(hang_up, sock)):
                    sock.do_handshake()
                    return _answered(sock, target, body, headers)
        except OSError as failure:
            raise _NotSent(_error_of(failure)) from None

    def _checked_addresses(self, target: Target, deadline: Deadline) -> list[str]:
        """All addresses of the target, every one of them public."""
        if target.is_loopback:
            return [_LOOPBACK_ADDRESS]
        addresses = [target.host] if host_address(target.host) else self._resolved(target.host, deadline)
        if not all((found := host_address(address)) and is_public(found) for address in addresses):
            raise _NotSent(SendError.ADDRESS_NOT_PUBLIC)
        return addresses

    def _resolved(self, host: str, deadline: Deadline) -> list[str]:
        found: SimpleQueue[list[str]] = SimpleQueue()

        def look_up() -> None:
            try:
                found.put(self._resolve(host))
            # A UnicodeError is about a name that none can have.
            except (OSError, UnicodeError):
                found.put([])

        threading.Thread(target=look_up, daemon=True).start()
        addresses: list[str] = []
        with contextlib.suppress(Empty):
            addresses = found.get(timeout=min(_RESOLVE_SECONDS, deadline.remaining_seconds()))
        if not addresses:
            raise _NotSent(SendError.NAME_NOT_RESOLVED)
        return addresses

    def _connected(self, addresses: list[str], port: int, deadline: Deadline) -> socket.socket:
        """A connection to the first of the addresses that takes one."""
        error = SendError.TIMED_OUT
        for address in addresses:
            seconds = min(_CONNECT_SECONDS, deadline.remaining_seconds())
            if not seconds:
                break
            try:
                return self._connect(address, port, seconds)
            except TimeoutError:
                error = SendError.TIMED_OUT
            except OSError:
                error = SendError.CONNECTION_REFUSED
        raise _NotSent(error)


class _NotSent(Exception):
    def __init__(self, error: SendError) -> None:
        super().__init__(error.value)
        self.error = error


def resolve_name(host: str) -> list[str]:
    """All addresses of a name; raises ``OSError`` where it has none."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, HTTPS_PORT, type=socket.SOCK_STREAM)]


def _connect(address: str, port: int, timeout_seconds: float) -> socket.socket:
    return socket.create_connection((address, port), timeout_seconds)


@cache
def _context(authorities: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authorities)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _answered(sock: ssl.SSLSocket, target: Target, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    """Sends the request and reads the head of its answer."""
    try:
        _post(sock, target, body, headers)
    except OSError:
        # Who answers without reading the request may close before it is sent, and the answer may have arrived.
        with contextlib.suppress(OSError):
            return _read_head(sock)
        raise
    return _read_head(sock)


def _post(sock: ssl.SSLSocket, target: Target, body: bytes, headers: Mapping[str, str]) -> None:
    # A connection that has its socket opens none, and uses no proxy.
    connection = HTTPSConnection(target.host, target.port, context=sock.context)
    connection.sock = sock
    fixed = {"content-type": "application/json", "user-agent": "promptmill-webhooks", "connection": "close"}
    connection.request("POST", target.path_and_query, body, {**headers, **fixed})


def _read_head(sock: ssl.SSLSocket) -> tuple[int, str]:
    """The status code and the Retry-After of the answer; what follows its headers is not read."""
    received = b""
    left_bytes = MAX_HEAD_BYTES
    while left_bytes:
        piece = sock.recv(min(left_bytes, _PIECE_BYTES))
        if not piece:
            raise ConnectionResetError
        left_bytes -= len(piece)
        received += piece
        while end := _END_OF_HEAD.search(received):
            status_code, retry_after = _parsed(received[: end.start()])
            # 100 and 103 come before the answer.
            if status_code >= HTTPStatus.OK:
                return status_code, retry_after
            received = received[end.end() :]
    raise _NotSent(SendError.ANSWER_MALFORMED)


def _parsed(head: bytes) -> tuple[int, str]:
    status_line, *fields = re.split(rb"\r?\n", head)
    match = _STATUS_LINE.fullmatch(status_line)
    if match is None:
        raise _NotSent(SendError.ANSWER_MALFORMED)
    retry_after = ""
    for field in fields:
        name, _, value = field.partition(b":")
        if name.lower() == b"retry-after":
            retry_after = value.strip().decode("latin-1")
    return int(match[1]), retry_after


def _error_of(error: OSError) -> SendError:
    match error:
        case TimeoutError():
            return SendError.TIMED_OUT
        case ssl.SSLError() if not isinstance(error, ssl.SSLEOFError):
            return SendError.TLS_FAILED
        case _:
            return SendError.CONNECTION_BROKEN


@cache
def webhook_sender() -> WebhookSender:
    """This process's sender."""
    return WebhookSender(loopback_ca=settings().webhook_loopback_ca)
