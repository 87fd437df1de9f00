"""Fetching an issuer's document, from a server of this machine that answers whatever a test wants."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.certificates import server_context
from promptmill.errors import IssuerUnavailable
from promptmill.identity.key_set import MAX_BYTES, fetch_document
from tests.support.loopback import Loopback, chunked_head, http_answer

PATH = "/.well-known/jwks.json"


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


def test_a_document_is_what_the_server_sent(server: Loopback) -> None:
    server.answers(http_answer(200, body=b'{"keys":[]}'))
    assert fetch_document(server.url + PATH) == b'{"keys":[]}'
    (request,) = server.received
    assert request.target == PATH
    assert "authorization" not in request.headers


def test_a_document_may_be_as_long_as_the_limit(server: Loopback) -> None:
    server.answers(http_answer(200, body=b" " * MAX_BYTES))
    assert len(fetch_document(server.url)) == MAX_BYTES


@pytest.mark.parametrize("status", [204, 206, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
def test_any_status_but_200_is_no_answer_and_nowhere_else_is_asked(server: Loopback, status: int) -> None:
    server.answers(
        http_answer(status, {"Location": f"{server.url}/elsewhere"}, b'{"keys":[]}' if status != 204 else b"")
    )
    with pytest.raises(IssuerUnavailable):
        fetch_document(server.url + PATH)
    assert [request.target for request in server.received] == [PATH]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http_answer(200, body=b" " * (MAX_BYTES + 1)), id="a byte too long"),
        pytest.param(
            chunked_head("application/json") + b"100000\r\n" + b" " * 0x100000 + b"\r\n0\r\n\r\n", id="long in chunks"
        ),
        pytest.param(chunked_head("application/json") + b"nonsense\r\n", id="broken chunks"),
        pytest.param(b"nonsense\r\n\r\n", id="not HTTP"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_document_that_is_too_long_or_broken_is_no_answer(server: Loopback, answer: bytes) -> None:
    server.answers(answer)
    with pytest.raises(IssuerUnavailable):
        fetch_document(server.url)


def test_what_is_compressed_is_not_unpacked(server: Loopback) -> None:
    """A quarter of a megabyte can be a quarter of a gigabyte."""
    sent = gzip.compress(bytes(10 * MAX_BYTES))
    server.answers(http_answer(200, {"Content-Encoding": "gzip"}, sent))
    assert fetch_document(server.url) == sent


def test_nobody_at_the_address_is_no_answer() -> None:
    with Loopback() as gone:
        url = gone.url
    with pytest.raises(IssuerUnavailable):
        fetch_document(url)


def test_a_certificate_of_nobody_we_trust_is_no_answer(tmp_path: Path) -> None:
    context: ssl.SSLContext = server_context(tmp_path)
    with Loopback(lambda sock: context.wrap_socket(sock, server_side=True)) as server:
        server.answers(http_answer(200, body=b'{"keys":[]}'))
        with pytest.raises(IssuerUnavailable):
            fetch_document(f"https://localhost:{server.port}")
        assert server.received == []


@pytest.mark.parametrize(
    "url",
    [
        "http://login.example.com/jwks.json",
        "http://127.0.0.1.example.com/jwks.json",
        "http://localhost.example.com/jwks.json",
        "http://127.0.0.1@login.example.com/jwks.json",
        "http://169.254.169.254/latest/meta-data",
        "ftp://login.example.com/jwks.json",
        "file:///etc/passwd",
        "login.example.com/jwks.json",
    ],
)
def test_keys_are_not_fetched_in_the_clear(url: str, socket_disabled: None) -> None:
    with pytest.raises(IssuerUnavailable, match="https"):
        fetch_document(url)
