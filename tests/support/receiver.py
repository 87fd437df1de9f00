"""A subscriber's HTTPS server on this machine, which answers whatever a test wants."""

from __future__ import annotations

import ssl
from pathlib import Path

from local.certificates import keep_certificates, server_context
from tests.support.loopback import Loopback, http_answer


class Receiver(Loopback):
    """``authority`` is the file with the certificate to trust; the server's own is for localhost and ``names``."""

    def __init__(self, folder: Path, *names: str) -> None:
        context: ssl.SSLContext = server_context(folder, *names)
        super().__init__(lambda sock: context.wrap_socket(sock, server_side=True))
        self.authority = str(keep_certificates(folder, *names))
        self.answers(http_answer(204))

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/hooks"
