"""The certificates of this machine."""

from __future__ import annotations

import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest

from local.certificates import AUTHORITY_FILE, SERVER_FILE, keep_certificates, server_context


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "hooks.example.com"])
def test_the_servers_certificate_passes_the_strictest_verification(tmp_path: Path, name: str) -> None:
    client_end, server_end = socket.socketpair()
    server = server_context(tmp_path, "hooks.example.com")
    thread = threading.Thread(target=lambda: server.wrap_socket(server_end, server_side=True).close())
    thread.start()
    context = ssl.create_default_context(cafile=tmp_path / AUTHORITY_FILE)
    # The default since Python 3.13.
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    with context.wrap_socket(client_end, server_hostname=name) as sock:
        assert sock.version() == "TLSv1.3"
    thread.join()


def test_certificates_that_are_there_are_kept(tmp_path: Path) -> None:
    keep_certificates(tmp_path)
    before = [(tmp_path / name).read_bytes() for name in (AUTHORITY_FILE, SERVER_FILE)]
    keep_certificates(tmp_path)
    assert [(tmp_path / name).read_bytes() for name in (AUTHORITY_FILE, SERVER_FILE)] == before


def test_the_key_is_its_owners_and_is_not_with_the_authority(tmp_path: Path) -> None:
    authority = keep_certificates(tmp_path)
    assert "PRIVATE" not in authority.read_text()
    assert stat.S_IMODE((tmp_path / SERVER_FILE).stat().st_mode) == 0o600
