"""The provider against a server on this machine that writes Together's answers, good and bad."""

from __future__ import annotations

import base64
import datetime
import json
import socket
import ssl
import time
import traceback
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from promptmill import errors
from promptmill.errors import PromptmillError
from promptmill.providers import flux
from promptmill.providers.failures import billed_usage, retry_after_seconds
from promptmill.providers.flux import FluxProvider
from promptmill.providers.flux_errors import FAILURES
from promptmill.providers.interface import Answer, ImageRequest, Usage
from tests.unit.providers.builders import (
    FakeClock,
    a_picture,
    a_text_model,
    a_text_request,
    an_image_model,
    an_image_request,
    an_unpriced_model,
)
from tests.unit.providers.loopback import LAST_CHUNK, Connection, Loopback, chunked_head, chunks, http_answer

KEY = "key-canary-5e2f"
CANARY = "provider-text-that-may-quote-the-prompt"
PICTURE = a_picture()
USED = Usage(images=1, megapixels=Decimal("0.002048"))
BILLED = Usage(images=1, megapixels=Decimal("0.002048"), estimated=True)


def entry(content: bytes = PICTURE, index: int | None = 0) -> dict[str, Any]:
    return {"index": index, "b64_json": base64.b64encode(content).decode()}


def pictures(*entries: object) -> bytes:
    return json.dumps({"id": "req-1", "model": "painter", "object": "list", "data": entries}).encode()


def ok(body: bytes) -> bytes:
    return http_answer(200, {"Content-Type": "application/json"}, body)


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@pytest.fixture
def provider(server: Loopback) -> FluxProvider:
    return FluxProvider(f"{server.url}/v1", lambda: KEY)


def ask(provider: FluxProvider, request: ImageRequest | None = None) -> Answer:
    return provider.generate(an_image_model(), request or an_image_request())


def failing(provider: FluxProvider, request: ImageRequest | None = None) -> PromptmillError:
    with pytest.raises(PromptmillError) as caught:
        ask(provider, request)
    error: BaseException | None = caught.value
    while error is not None:
        shown = "".join(traceback.format_exception(error)) + repr(error) + str(error) + repr(vars(error))
        assert KEY not in shown
        assert CANARY not in shown
        error = error.__context__
    return caught.value


def test_a_picture_arrives_as_it_was_sent(server: Loopback, provider: FluxProvider) -> None:
    server.answers(ok(pictures(entry())))
    answer = ask(provider)
    (image,) = answer.images
    assert (image.content, image.content_type, image.width, image.height) == (PICTURE, "image/png", 64, 32)
    assert (answer.text, answer.usage, answer.provider_request_id) == (None, USED, "req-1")


def test_the_request_has_the_key_the_seed_and_asks_for_the_pictures_themselves(
    server: Loopback, provider: FluxProvider
) -> None:
    server.answers(ok(pictures(entry())))
    ask(provider, an_image_request(negative_prompt="no hats"))
    (request,) = server.received
    assert request.target == "/v1/images/generations"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json() == {
        "model": "vendor/painter",
        "prompt": "a red fox",
        "width": 64,
        "height": 32,
        "steps": 4,
        "n": 1,
        "seed": 7,
        "negative_prompt": "no hats",
        "output_format": "png",
        "response_format": "base64",
    }


def test_a_request_without_a_negative_prompt_has_none(server: Loopback, provider: FluxProvider) -> None:
    server.answers(ok(pictures(entry())))
    ask(provider)
    assert "negative_prompt" not in server.received[0].json()


def test_several_pictures_come_in_the_order_of_their_index(server: Loopback, provider: FluxProvider) -> None:
    first, second = PICTURE, a_picture(64, 32, "JPEG")
    server.answers(ok(pictures(entry(second, 1), entry(first, 0))))
    answer = ask(provider, an_image_request(n=2, steps=8))
    assert [image.content_type for image in answer.images] == ["image/png", "image/jpeg"]
    assert answer.usage == Usage(images=2, megapixels=Decimal("0.008192"))


def test_pictures_without_an_index_keep_their_order(server: Loopback, provider: FluxProvider) -> None:
    server.answers(ok(pictures(entry(a_picture(64, 32, "JPEG"), None), entry(PICTURE, None))))
    answer = ask(provider, an_image_request(n=2))
    assert [image.content_type for image in answer.images] == ["image/jpeg", "image/png"]


def test_a_chunked_answer_is_read_whole(server: Loopback, provider: FluxProvider) -> None:
    body = pictures(entry())
    server.answers(chunked_head("application/json"), chunks([body[:50], body[50:]]), LAST_CHUNK)
    assert len(ask(provider).images) == 1


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
    server: Loopback, provider: FluxProvider, status: int, expected: type[PromptmillError]
) -> None:
    body = json.dumps({"error": {"message": f"{CANARY} {KEY}"}}).encode()
    server.answers(http_answer(status, {"Location": f"{server.url}/elsewhere"}, body))
    error = failing(provider)
    assert type(error) is expected
    assert billed_usage(error) is None
    assert len(server.received) == 1, "one attempt, and no redirect is followed"


def test_every_status_of_the_table_is_tested() -> None:
    assert dict(STATUSES) == dict(FAILURES)


@pytest.mark.parametrize(("status", "expected"), STATUSES)
def test_a_provider_that_says_not_to_retry_is_not_retried(
    server: Loopback, provider: FluxProvider, status: int, expected: type[PromptmillError]
) -> None:
    server.answers(http_answer(status, {"x-should-retry": "False"}))
    error = failing(provider)
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
def test_the_time_to_wait_is_kept(server: Loopback, provider: FluxProvider, header: str, seconds: int | None) -> None:
    server.answers(http_answer(429, {"Retry-After": header}))
    assert retry_after_seconds(failing(provider)) == seconds


JSON_BUT_NO_PICTURES: Mapping[str, bytes] = {
    "nothing": b"",
    "no json": b"<html></html>",
    "cut json": pictures(entry())[:-2],
    "no object": b"[]",
    "no data": b'{"id": "x"}',
    "data of another type": b'{"data": {"0": 1}}',
    "entries of another type": pictures("picture"),
    "no picture": pictures(),
    "one too many": pictures(entry(), entry()),
    "an address instead": pictures({"index": 0, "url": "https://example.com/a.png"}),
    "null": pictures({"index": 0, "b64_json": None}),
    "not base64": pictures({"index": 0, "b64_json": "!!!"}),
    "not ascii": pictures({"index": 0, "b64_json": "ü"}),
    "not a picture": pictures(entry(b"hello")),
    "cut picture": pictures(entry(PICTURE[:-1])),
    "cut jpeg": pictures(entry(a_picture(64, 32, "JPEG")[:-1])),
    "another size": pictures(entry(a_picture(32, 64))),
    "nested too deeply": b"[" * 200_000,
    "not utf-8": b'{"data": "\xff"}',
}


@pytest.mark.parametrize("body", JSON_BUT_NO_PICTURES.values(), ids=JSON_BUT_NO_PICTURES.keys())
def test_an_answer_that_is_not_the_pictures_asked_for_is_broken_but_billed(
    server: Loopback, provider: FluxProvider, body: bytes
) -> None:
    server.answers(ok(body))
    error = failing(provider)
    assert type(error) is errors.ProviderAnswerBroken
    assert billed_usage(error) == BILLED


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ok(pictures(entry()))[:-9], id="short body"),
        pytest.param(chunked_head("application/json") + chunks([pictures(entry())]), id="no last chunk"),
        pytest.param(chunked_head("application/json") + b"zz\r\n", id="broken chunk"),
        pytest.param(chunked_head("application/json") + b"ff\r\nshort", id="short chunk"),
    ],
)
def test_a_body_cut_short_is_a_broken_answer(server: Loopback, provider: FluxProvider, answer: bytes) -> None:
    server.answers(answer)
    error = failing(provider)
    assert type(error) is errors.ProviderAnswerBroken
    assert billed_usage(error) == BILLED


def test_a_connection_reset_in_the_body_is_a_broken_answer(server: Loopback, provider: FluxProvider) -> None:
    def respond(connection: Connection) -> None:
        connection.send(http_answer(200, {"Content-Length": "999999"}, b"{"))
        connection.reset()

    server.respond = respond
    assert type(failing(provider)) in (errors.ProviderAnswerBroken, errors.ProviderUnavailable)


@pytest.mark.parametrize("head", [b"\x16\x03\x01 no http at all\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"x" * 70_000])
def test_what_is_not_http_is_a_broken_answer(server: Loopback, provider: FluxProvider, head: bytes) -> None:
    server.answers(head)
    assert type(failing(provider)) is errors.ProviderAnswerBroken


def test_an_answer_that_says_it_is_too_large_is_not_read(server: Loopback, provider: FluxProvider) -> None:
    server.answers(http_answer(200, {"Content-Length": str(flux.MAX_ANSWER_BYTES + 1)}, b"{"))
    error = failing(provider)
    assert type(error) is errors.ProviderAnswerBroken
    assert "the answer is too large" in "".join(error.__notes__) or "ValueError" in "".join(error.__notes__)


def test_an_answer_that_only_turns_out_too_large_is_left(server: Loopback, provider: FluxProvider) -> None:
    piece = b" " * (4 * 1024 * 1024)
    sent = 0

    def respond(connection: Connection) -> None:
        nonlocal sent
        connection.send(chunked_head("application/json"))
        for _ in range(4 * flux.MAX_ANSWER_BYTES // len(piece)):
            connection.send(chunks([piece]))
            sent += len(piece)

    server.respond = respond
    assert type(failing(provider)) is errors.ProviderAnswerBroken
    assert sent < 2 * flux.MAX_ANSWER_BYTES


def test_a_connection_closed_without_an_answer_is_an_unavailable_provider(
    server: Loopback, provider: FluxProvider
) -> None:
    server.answers()
    assert type(failing(provider)) is errors.ProviderUnavailable


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
    assert time.monotonic() - began < 2
    assert billed_usage(error) == (BILLED if content == DRIPPING["body"] else None)


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


@pytest.mark.parametrize("key", ["", "  ", f"{KEY}\r\nX-Injected: 1", f"{KEY} more", f"{KEY}ü"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(server: Loopback, key: str) -> None:
    server.answers(ok(pictures(entry())))
    assert type(failing(FluxProvider(server.url, lambda: key))) is errors.ProviderAccessDenied
    assert server.received == []


def test_the_newline_a_secret_was_stored_with_is_not_part_of_the_key(server: Loopback) -> None:
    server.answers(ok(pictures(entry())))
    ask(FluxProvider(server.url, lambda: f"{KEY}\n"))
    assert server.received[0].headers["authorization"] == f"Bearer {KEY}"


def test_the_key_is_asked_for_at_every_attempt(server: Loopback) -> None:
    keys = iter(["first", "second"])
    provider = FluxProvider(server.url, lambda: next(keys))
    server.answers(ok(pictures(entry())))
    ask(provider)
    ask(provider)
    assert [request.headers["authorization"] for request in server.received] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("url", ["http://example.com/v1", "ftp://127.0.0.1", "", "api.together.xyz/v1"])
def test_the_key_is_never_sent_in_the_clear_to_another_machine(url: str) -> None:
    with pytest.raises(errors.BrokenContractError):
        FluxProvider(url, lambda: KEY)


def test_the_provider_does_not_show_its_key(provider: FluxProvider) -> None:
    assert KEY not in repr(provider)


def a_certificate(folder: Path) -> ssl.SSLContext:
    """A server context whose certificate names 127.0.0.1 but is signed by nobody we trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def test_a_server_with_a_certificate_nobody_signed_never_sees_the_key(tmp_path: Path) -> None:
    context = a_certificate(tmp_path)
    with Loopback(lambda sock: context.wrap_socket(sock, server_side=True)) as loopback:
        loopback.answers(ok(pictures(entry())))
        provider = FluxProvider(f"https://localhost:{loopback.port}/v1", lambda: KEY)
        assert type(failing(provider)) is errors.ProviderUnavailable
        assert loopback.received == []


def test_a_tls_answer_that_drips_does_not_outlast_the_deadline(tmp_path: Path) -> None:
    import http.client

    context = a_certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=tmp_path / "server.pem")

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


def test_flux_is_asked_for_images_only_and_only_at_a_known_price(provider: FluxProvider) -> None:
    with pytest.raises(errors.BrokenContractError):
        provider.generate(a_text_model(), a_text_request())
    with pytest.raises(errors.ModelUnpriced):
        provider.generate(an_unpriced_model(), an_image_request())
