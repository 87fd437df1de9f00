"""A subscriber on this machine: prints what webhooks bring, and whether their signature holds."""

from __future__ import annotations

import base64
import json
import textwrap
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from local.certificates import server_context

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAX_BODY_BYTES = 1024 * 1024
READ_SECONDS = 10


class WebhookReceiver(ThreadingHTTPServer):
    """HTTPS on 127.0.0.1, with the certificate of ``folder``, which the stack there trusts; port 0 is any free one.

    What arrives is answered with 204 and given to ``show`` as text. With ``secret``, ``whsec_`` and base64, what it did
    not sign is answered with 401, and shown all the same. A secret that is none raises ``ValueError``. With ``count``,
    ``serve_forever`` ends once so many have been answered.
    """

    daemon_threads = True

    def __init__(
        self, folder: Path, port: int, secret: str | None, show: Callable[[str], None], *, count: int | None = None
    ) -> None:
        self.webhook = _verifier(secret) if secret else None
        self.show = show
        self.all_hold = True
        self.showing = threading.Lock()
        self._left = count
        super().__init__(("127.0.0.1", port), _Delivery)
        # The handshake is the first read's, on the connection's own thread.
        self.socket = server_context(folder).wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.server_port}/"

    def note_answered(self) -> None:
        """To be called by the thread of a request, of which each has its own."""
        with self.showing:
            if self._left is None:
                return
            self._left -= 1
            is_last = self._left == 0
        if is_last:
            self.shutdown()

    def handle_error(self, *_: Any) -> None:
        with self.showing:
            self.show("A connection broke off before it had brought anything.")


class _Delivery(BaseHTTPRequestHandler):
    server: WebhookReceiver
    timeout = READ_SECONDS

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY_BYTES:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        body = self.rfile.read(int(length))
        status, verdict = self._judge(body)
        with self.server.showing:
            self.server.show(f"{self.headers.get('webhook-id')}  {verdict}\n{textwrap.indent(_readable(body), '  ')}")
        self.send_response(status)
        self.end_headers()
        self.server.note_answered()

    def _judge(self, body: bytes) -> tuple[HTTPStatus, str]:
        if self.server.webhook is None:
            return HTTPStatus.NO_CONTENT, "signature not checked: --secret is not given"
        try:
            self.server.webhook.verify(body, dict(self.headers), json_parse=False)
        except (WebhookVerificationError, ValueError):
            self.server.all_hold = False
            return HTTPStatus.UNAUTHORIZED, "signature DOES NOT HOLD"
        return HTTPStatus.NO_CONTENT, "signature holds"

    def log_message(self, *_: Any) -> None:
        """Nothing: what arrived is shown."""


def _verifier(secret: str) -> Webhook:
    prefix, _, key = secret.partition("_")
    try:
        # The library takes any text, and drops what is not base64.
        is_one = prefix == "whsec" and bool(base64.b64decode(key, validate=True))
    except ValueError:
        is_one = False
    if not is_one:
        raise ValueError("a webhook's secret is whsec_ and base64")
    return Webhook(secret)


def _readable(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), indent=2)
    except ValueError:
        return repr(body)
