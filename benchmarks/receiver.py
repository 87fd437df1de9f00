"""A subscriber's HTTPS server on this machine, which notes when each event arrived."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from local.certificates import server_context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READ_SECONDS = 10


class Receiver(ThreadingHTTPServer):
    """Answers 204 with the certificate of ``folder``, which the stack there trusts.

    ``arrived`` is when each event came, by its id, as ``time.perf_counter`` has it.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path) -> None:
        self.arrived: dict[str, float] = {}
        super().__init__(("127.0.0.1", 0), _Delivery)
        # The handshake is the first read's, on the connection's own thread.
        self.socket = server_context(folder).wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.server_port}/"


class _Delivery(BaseHTTPRequestHandler):
    server: Receiver
    timeout = READ_SECONDS

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.arrived.setdefault(self.headers["webhook-id"], time.perf_counter())
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: what arrived is counted."""


@contextmanager
def receiving(folder: Path) -> Iterator[Receiver]:
    """A receiver that serves for the length of a ``with``."""
    with Receiver(folder) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()
