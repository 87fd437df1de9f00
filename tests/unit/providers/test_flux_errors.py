"""Every row of Together's error table, and what the network does instead of answering."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from typing import TYPE_CHECKING

import pytest

from local.certificates import AUTHORITY_FILE, server_context
from promptmill import errors
from promptmill.providers.failures import billed_usage, retry_after_seconds
from promptmill.providers.flux import FluxProvider
from promptmill.providers.flux_errors import FAILURES
from promptmill.providers.interface import ATTEMPT_SECONDS
from tests.support.loopback import Connection, Loopback, http_answer
from tests.unit.providers.builders import FakeClock, an_image_model, an_image_request
from tests.unit.providers.flux_wire import BILLED, CANARY, KEY, failing

if TYPE_CHECKING:
    from pathlib import Path

    from promptmill.errors import PromptmillError


# The error table of the facts page, and what is not in it, by family.
STATUSES: list[tuple[int, type[PromptmillError]]] = [
    (400, errors.InvalidRequest),
    (401, errors.ProviderAccessDenied),
    (402, errors.ProviderQuota),
    (403, errors.ProviderAccessDenied),
    (404, errors.ModelNotFound),
    (408, errors.ProviderTimeout),
    (409, errors.ProviderThrottled),
    (429, errors.ProviderThrottled),
    (500, errors.ProviderError),
    (503, errors.ProviderUnavailable),
    (504, errors.ProviderTimeout),
    (520, errors.ProviderError),
    (524, errors.ProviderTimeout),
    (529, errors.ProviderError),
]
OTHER_STATUSES: list[tuple[int, type[PromptmillError]]] = [
    (202, errors.BrokenContractError),
    (302, errors.BrokenContractError),
    (418, errors.InvalidRequest),
    (422, errors.InvalidRequest),
    (502, errors.ProviderError),
]


@pytest.mark.parametrize(("status", "expected"), [*STATUSES, *OTHER_STATUSES])
def test_a_status_becomes_the_error_of_the_table(
    server: Loopback, flux: FluxProvider, status: int, expected: type[PromptmillError]
) -> None:
    body = json.dumps({"error": {"message": f"{CANARY} {KEY}"}}).encode()
    server.answers(http_answer(status, {"Location": f"{server.url}/elsewhere"}, body))
    error = failing(flux)
    assert type(error) is expected
    assert billed_usage(error) is None
    assert len(server.received) == 1, "one attempt, and no redirect is followed"


def test_every_status_of_the_table_is_tested() -> None:
    assert dict(STATUSES) == dict(FAILURES)


@pytest.mark.parametrize(("status", "expected"), STATUSES)
def test_a_provider_that_says_not_to_retry_is_not_retried(
    server: Loopback, flux: FluxProvider, status: int, expected: type[PromptmillError]
) -> None:
    server.answers(http_answer(status, {"x-should-retry": "False"}))
    error = failing(flux)
    assert not error.retryable
    assert type(error) is (errors.BrokenContractError if expected.retryable else expected)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        (" 0 ", 0),
        ("99999", 86400),
        ("9" * 5000, None),
        ("-1", None),
        ("1.5", None),
        ("²", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("", None),
    ],
)
def test_the_time_to_wait_is_kept(server: Loopback, flux: FluxProvider, header: str, seconds: int | None) -> None:
    server.answers(http_answer(429, {"Retry-After": header}))
    assert retry_after_seconds(failing(flux)) == seconds


def test_a_connection_closed_without_an_answer_is_an_unavailable_provider(server: Loopback, flux: FluxProvider) -> None:
    server.answers()
    assert type(failing(flux)) is errors.ProviderUnavailable


def test_a_refused_connection_is_an_unavailable_provider() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert type(failing(FluxProvider(f"http://127.0.0.1:{port}", lambda: KEY))) is errors.ProviderUnavailable


DRIPPING = {
    "silence": b"",
    "headers": http_answer(200, {"X-Long": "x" * 5000}),
    "body": http_answer(200, {"Content-Length": "5000"}, b" " * 5000),
}


@pytest.mark.parametrize("content", DRIPPING.values(), ids=DRIPPING.keys())
def test_an_answer_that_drips_does_not_outlast_the_deadline(server: Loopback, content: bytes) -> None:
    def respond(connection: Connection) -> None:
        head, _, body = content.rpartition(b"\r\n\r\n")
        connection.send(head + b"\r\n\r\n" if body else b"")
        connection.drip(body or head)
        connection.stay_silent()

    server.respond = respond
    began = time.monotonic()
    error = failing(FluxProvider(server.url, lambda: KEY, deadline_seconds=0.2))
    assert type(error) is errors.ProviderTimeout
    assert time.monotonic() - began < ATTEMPT_SECONDS / 4
    assert billed_usage(error) == (BILLED if content == DRIPPING["body"] else None)


def test_an_attempt_ends_when_the_time_its_caller_gave_it_does(server: Loopback, flux: FluxProvider) -> None:
    server.respond = lambda connection: connection.stay_silent()
    began = time.monotonic()
    with pytest.raises(errors.ProviderTimeout):
        flux.generate(an_image_model(), an_image_request(), within_seconds=0.2)
    assert time.monotonic() - began < ATTEMPT_SECONDS / 4


def test_an_answer_that_passes_the_deadline_piece_by_piece_is_left(server: Loopback) -> None:
    clock = FakeClock()

    def respond(connection: Connection) -> None:
        connection.send(http_answer(200, {"Content-Length": str(5 * 1024 * 1024)}, b" " * 2 * 1024 * 1024))
        clock.advance(61)
        connection.send(b" " * 3 * 1024 * 1024)

    server.respond = respond
    error = failing(FluxProvider(server.url, lambda: KEY, clock=clock))
    assert type(error) is errors.ProviderTimeout
    assert billed_usage(error) == BILLED


def test_a_tls_answer_that_drips_does_not_outlast_the_deadline(tmp_path: Path) -> None:
    context = server_context(tmp_path)
    trusting = ssl.create_default_context(cafile=tmp_path / AUTHORITY_FILE)

    def respond(connection: Connection) -> None:
        connection.send(http_answer(200, {"Content-Length": "5000"}))
        connection.drip(b" " * 5000)

    with Loopback(lambda sock: context.wrap_socket(sock, server_side=True)) as loopback:
        loopback.respond = respond
        provider = FluxProvider(
            f"https://localhost:{loopback.port}/v1",
            lambda: KEY,
            lambda url, timeout: http.client.HTTPSConnection("localhost", url.port, timeout=timeout, context=trusting),
            deadline_seconds=0.3,
        )
        assert type(failing(provider)) is errors.ProviderTimeout
        assert len(loopback.received) == 1
