"""HTTP/1.1 on a loopback port: reads a request, finds its endpoint, writes the answer."""

import sys
import time
import traceback
from collections.abc import Iterator
from http.client import HTTPException
from http.client import responses as reasons
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.providers.answers import STAND_IN_HEADER, Answer, Ending, Request, plain_error
from local.providers.bedrock_errors import ModelFailureError
from local.providers.issuer import PATH as ISSUER_PATH
from local.providers.routes import Routes

MAX_BODY_BYTES = 1_048_576
_DRAINED_BYTES = 16_000_000
_IDLE_SECONDS = 120.0


class StandInServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1 from the moment it is made; `serve_forever` answers, one thread per connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, routes: Routes) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.routes = routes
        routes.issuer.url = f"http://127.0.0.1:{self.port}{ISSUER_PATH}"

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    server: StandInServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server gives it
        """Stay silent: `/_calls` is the record."""

    def _serve(self) -> None:
        started = time.perf_counter()
        answer = self._answer()
        try:
            self._write(answer, started)
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # the client has left

    def _answer(self) -> Answer:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._read_body(headers)
        if isinstance(body, Answer):
            return body
        try:
            return self.server.routes.answer(Request(self.command, self.path, headers, body))
        except Exception as error:  # noqa: BLE001 - a bug in one endpoint must not look like a lost connection
            traceback.print_exc()
            return plain_error(500, f"the stand-in itself failed: {type(error).__name__}")

    def _read_body(self, headers: dict[str, str]) -> bytes | Answer:
        if "transfer-encoding" in headers:
            self.close_connection = True
            return plain_error(411, "send the body with a Content-Length")
        declared = headers.get("content-length", "0")
        if not (declared.isascii() and declared.isdigit()):
            self.close_connection = True
            return plain_error(400, "Content-Length must be a number")
        length = int(declared)
        if length <= MAX_BODY_BYTES:
            return self.rfile.read(length)
        # Read on for a while: a client that is still sending would otherwise see a reset instead of the 413.
        self.close_connection = True
        left = min(length, _DRAINED_BYTES)
        while left > 0 and (block := self.rfile.read(min(left, 65_536))):
            left -= len(block)
        return plain_error(413, f"the body is larger than {MAX_BODY_BYTES} bytes")

    def _write(self, answer: Answer, started: float) -> None:
        """Write the answer; a call is on record before its last byte is out, so whoever got it can read it there."""
        if answer.ending is not Ending.COMPLETE:
            self.close_connection = True
        if answer.chunks is not None:
            self._write_chunks(answer, answer.chunks, started)
            return
        self._record(answer, started)
        if answer.ending is Ending.SILENT:
            return
        body = answer.body[: len(answer.body) // 2] if answer.ending is Ending.CUT else answer.body
        self.wfile.write(self._head(answer, "Content-Length", str(len(answer.body))) + body)

    def _write_chunks(self, answer: Answer, chunks: Iterator[bytes], started: float) -> None:
        try:
            self.wfile.write(self._head(answer, "Transfer-Encoding", "chunked"))
            for chunk in chunks:
                if chunk:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        except (OSError, HTTPException, ModelFailureError):
            self.close_connection = True  # the client has left, or a real model's answer broke off
            return
        finally:
            self._record(answer, started)
        if answer.ending is Ending.COMPLETE:
            self.wfile.write(b"0\r\n\r\n")

    def _head(self, answer: Answer, framing: str, value: str) -> bytes:
        headers = {"Date": self.date_time_string(), **answer.headers, framing: value}
        if self.server.routes.is_stand_in(answer):
            headers[STAND_IN_HEADER] = "true"
        if self.close_connection:
            headers["Connection"] = "close"
        status_line = f"HTTP/1.1 {answer.status} {reasons.get(answer.status, 'Scripted')}\r\n"
        lines = "".join(f"{name}: {content}\r\n" for name, content in headers.items())
        return (status_line + lines + "\r\n").encode("latin-1", "replace")

    def _record(self, answer: Answer, started: float) -> None:
        if answer.note:
            milliseconds = (time.perf_counter() - started) * 1000
            self.server.routes.calls.record(answer.note, answer.status, milliseconds)
