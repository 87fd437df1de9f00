"""Servers that break off, stay silent, drip, or are not who they should be. They are real ones of this machine."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from promptmill.events.webhooks.answer import SendError
from promptmill.events.webhooks.gateway import WebhookSender
from tests.support.loopback import Connection, Loopback, Respond, http_answer
from tests.support.receiver import Receiver
from tests.unit.webhooks.conftest import NAME
from tests.unit.webhooks.wire import BODY, HEADERS, Connections, Names

SHORT_SECONDS = 0.3
# What a busy machine may come late.
LEEWAY_MS = 2000
MORE_THAN_IS_BUFFERED = bytes(32 * 1024 * 1024)


@pytest.fixture
def hasty(authority: str) -> WebhookSender:
    return WebhookSender(loopback_ca=authority, deadline_seconds=SHORT_SECONDS)


def assert_timed_out(sender: WebhookSender, url: str, body: bytes = BODY) -> None:
    answer = sender.send(url, body, HEADERS)
    assert (answer.status_code, answer.error) == (None, SendError.TIMED_OUT)
    assert SHORT_SECONDS * 1000 <= answer.duration_ms < SHORT_SECONDS * 1000 + LEEWAY_MS


@pytest.mark.parametrize(
    "respond",
    [
        pytest.param(lambda connection: None, id="hangs up"),
        pytest.param(Connection.reset, id="resets"),
        pytest.param(lambda connection: connection.send(b"HTTP/1.1 200 OK\r\nX: "), id="hangs up within the headers"),
    ],
)
def test_a_connection_that_ends_before_the_answer_is_broken(
    sender: WebhookSender, receiver: Receiver, respond: Respond
) -> None:
    receiver.respond = respond
    answer = sender.send(receiver.url, BODY, HEADERS)
    assert (answer.status_code, answer.error) == (None, SendError.CONNECTION_BROKEN)


@pytest.mark.parametrize(
    "respond",
    [
        pytest.param(Connection.stay_silent, id="says nothing"),
        pytest.param(lambda connection: connection.drip(http_answer(200)), id="drips the status"),
        pytest.param(lambda connection: connection.drip(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 99), id="drips headers"),
        pytest.param(lambda connection: connection.drip(b"HTTP/1.1 100 Go\r\n\r\n" * 99), id="drips 1xx"),
    ],
)
def test_a_request_is_over_at_its_deadline_however_its_answer_comes(
    hasty: WebhookSender, receiver: Receiver, respond: Respond
) -> None:
    receiver.respond = respond
    assert_timed_out(hasty, receiver.url)


def test_a_body_that_drips_after_its_head_is_not_waited_for(sender: WebhookSender, receiver: Receiver) -> None:
    def respond(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n")
        connection.drip(b"x" * 500)

    receiver.respond = respond
    answer = sender.send(receiver.url, BODY, HEADERS)
    assert answer.status_code == 200
    assert answer.duration_ms < LEEWAY_MS


def test_a_server_that_never_speaks_tls_is_given_up_at_the_deadline(hasty: WebhookSender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert_timed_out(hasty, f"https://localhost:{listener.getsockname()[1]}/")


def test_a_handshake_that_drips_is_given_up_at_the_deadline(hasty: WebhookSender) -> None:
    def drip(sock: socket.socket) -> socket.socket:
        a_long_record = b"\x16\x03\x03\x40\x00"
        Connection(sock, threading.Event()).drip(a_long_record + bytes(500))
        return sock

    with Loopback(drip) as loopback:
        assert_timed_out(hasty, f"https://localhost:{loopback.port}/")


def test_a_server_that_does_not_read_the_request_is_given_up_at_the_deadline(
    hasty: WebhookSender, certificates: Path
) -> None:
    gone = threading.Event()
    with Receiver(certificates) as receiver:
        context = receiver.context

        def hold(sock: socket.socket) -> socket.socket:
            wrapped = context.wrap_socket(sock, server_side=True)
            gone.wait(5)
            return wrapped

        with Loopback(hold) as loopback:
            assert_timed_out(hasty, f"https://localhost:{loopback.port}/", MORE_THAN_IS_BUFFERED)
            gone.set()


@pytest.mark.parametrize(
    ("head", "status", "retry_after_seconds"),
    [(http_answer(410), 410, None), (http_answer(503, {"Retry-After": "90"}), 503, 90)],
)
def test_what_is_answered_without_reading_the_request_can_be_seen(
    sender: WebhookSender, certificates: Path, head: bytes, status: int, retry_after_seconds: int | None
) -> None:
    with Receiver(certificates) as receiver:

        def answer_at_once(sock: socket.socket) -> socket.socket:
            with receiver.context.wrap_socket(sock, server_side=True) as wrapped:
                wrapped.sendall(head)
            raise OSError

        with Loopback(answer_at_once) as loopback:
            answers = (
                sender.send(f"https://localhost:{loopback.port}/", MORE_THAN_IS_BUFFERED, HEADERS) for _ in range(30)
            )
            # With the connection, a system may drop what came over it and was not read yet.
            seen = next((answer for answer in answers if answer.status_code is not None), None)
    assert seen is not None
    assert (seen.status_code, seen.retry_after_seconds) == (status, retry_after_seconds)


def test_a_name_server_that_does_not_answer_is_not_waited_for() -> None:
    asked = threading.Event()

    def resolve(host: str) -> list[str]:
        asked.wait(5)
        return ["1.1.1.1"]

    connections = Connections()
    sender = WebhookSender(resolve=resolve, connect=connections, deadline_seconds=SHORT_SECONDS)
    assert_timed_out(sender, "https://hooks.example.com/")
    asked.set()
    assert connections.opened == []


def test_a_port_that_nobody_listens_at_refuses(sender: WebhookSender) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = sender.send(f"https://localhost:{port}/", BODY, HEADERS)
    assert (answer.status_code, answer.error) == (None, SendError.CONNECTION_REFUSED)


def test_a_server_without_tls_is_sent_nothing(sender: WebhookSender) -> None:
    sent: list[bytes] = []

    def answer_in_the_clear(sock: socket.socket) -> socket.socket:
        sent.append(sock.recv(65536))
        sock.sendall(http_answer(400))
        return sock

    with Loopback(answer_in_the_clear) as loopback:
        answer = sender.send(f"https://localhost:{loopback.port}/", BODY, HEADERS)
    assert (answer.status_code, answer.error) == (None, SendError.TLS_FAILED)
    assert BODY not in b"".join(sent)


def test_a_connection_that_ends_within_the_handshake_is_broken(sender: WebhookSender) -> None:
    def hang_up(sock: socket.socket) -> socket.socket:
        sock.recv(65536)
        raise OSError

    with Loopback(hang_up) as loopback:
        answer = sender.send(f"https://localhost:{loopback.port}/", BODY, HEADERS)
    assert (answer.status_code, answer.error) == (None, SendError.CONNECTION_BROKEN)


def assert_not_trusted(sender: WebhookSender, url: str, receiver: Receiver) -> None:
    assert sender.send(url, BODY, HEADERS).error is SendError.TLS_FAILED
    assert receiver.received == []


def test_a_certificate_of_another_authority_is_not_trusted(sender: WebhookSender, tmp_path: Path) -> None:
    with Receiver(tmp_path) as receiver:
        assert_not_trusted(sender, receiver.url, receiver)


def test_a_certificate_for_another_host_is_not_trusted(receiver: Receiver, authority: str) -> None:
    sender = WebhookSender(public_ca=authority, resolve=Names([["1.1.1.1"]]), connect=Connections(receiver.port))
    assert_not_trusted(sender, "https://other.example.com/", receiver)


def test_a_certificate_for_the_name_is_none_for_the_address(receiver: Receiver, authority: str) -> None:
    sender = WebhookSender(public_ca=authority, connect=Connections(receiver.port))
    assert_not_trusted(sender, "https://1.1.1.1/", receiver)


def test_the_authority_of_loopback_is_trusted_for_loopback_alone(receiver: Receiver, authority: str) -> None:
    sender = WebhookSender(loopback_ca=authority, resolve=Names([["1.1.1.1"]]), connect=Connections(receiver.port))
    assert_not_trusted(sender, f"https://{NAME}/", receiver)


def test_an_authority_that_is_not_there_is_our_mistake_and_no_answer(tmp_path: Path, receiver: Receiver) -> None:
    with pytest.raises(FileNotFoundError):
        WebhookSender(loopback_ca=str(tmp_path / "none.pem")).send(receiver.url, BODY, HEADERS)
