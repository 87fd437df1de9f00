"""What is sent to a subscriber's server, and what its answers mean. The server is a real one of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptmill.events.webhooks.answer import SendError
from promptmill.events.webhooks.gateway import MAX_HEAD_BYTES, WebhookSender, resolve_name
from tests.support.loopback import http_answer
from tests.support.receiver import Receiver
from tests.unit.webhooks.conftest import NAME
from tests.unit.webhooks.wire import BODY, HEADERS, Connections, Names


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_means_received(sender: WebhookSender, receiver: Receiver, status: int) -> None:
    receiver.answers(http_answer(status))
    answer = sender.send(receiver.url, BODY, HEADERS)
    assert (answer.status_code, answer.error, answer.retry_after_seconds) == (status, None, None)


def test_a_request_has_the_body_to_the_byte_and_headers_of_its_own(sender: WebhookSender, receiver: Receiver) -> None:
    body = b'{"note":"\xc3\xa9"}' + b" " * 100_000
    sender.send(f"{receiver.url}?key=1&x=%20", body, HEADERS)
    (request,) = receiver.received
    assert (request.target, request.body) == ("/hooks?key=1&x=%20", body)
    assert dict(request.headers) == {
        "host": f"localhost:{receiver.port}",
        "accept-encoding": "identity",
        "content-length": str(len(body)),
        "content-type": "application/json",
        "user-agent": "promptmill-webhooks",
        "connection": "close",
        **HEADERS,
    }


def test_the_checked_address_is_asked_for_the_host_by_its_name(receiver: Receiver, authority: str) -> None:
    names = Names([["8.8.4.4", "1.1.1.1"]])
    connections = Connections(receiver.port, failing={"8.8.4.4": ConnectionRefusedError()})
    sender = WebhookSender(public_ca=authority, resolve=names, connect=connections)
    answer = sender.send(f"https://{NAME.upper()}/hooks", BODY, HEADERS)
    assert (answer.status_code, connections.opened) == (204, [("8.8.4.4", 443), ("1.1.1.1", 443)])
    assert receiver.received[0].headers["host"] == NAME


def test_the_server_is_told_the_name_before_it_shows_a_certificate(certificates: Path, authority: str) -> None:
    told: list[str | None] = []
    with Receiver(certificates) as receiver:
        receiver.context.sni_callback = lambda sock, name, context: told.append(name)
        connections = Connections(receiver.port)
        WebhookSender(public_ca=authority, resolve=Names([["1.1.1.1"]]), connect=connections).send(
            f"https://{NAME}/", BODY, HEADERS
        )
    assert told == [NAME]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, SendError.ANSWERED_4XX),
        (404, SendError.ANSWERED_4XX),
        (410, SendError.ANSWERED_4XX),
        (429, SendError.ANSWERED_4XX),
        (500, SendError.ANSWERED_5XX),
        (503, SendError.ANSWERED_5XX),
        (599, SendError.ANSWERED_5XX),
    ],
)
def test_4xx_and_5xx_mean_not_received(
    sender: WebhookSender, receiver: Receiver, status: int, error: SendError
) -> None:
    receiver.answers(http_answer(status))
    answer = sender.send(receiver.url, BODY, HEADERS)
    assert (answer.status_code, answer.error) == (status, error)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("location", ["/elsewhere", "https://127.0.0.1/", "http://169.254.169.254/latest/meta-data/"])
def test_a_redirect_is_not_followed(sender: WebhookSender, receiver: Receiver, status: int, location: str) -> None:
    receiver.answers(http_answer(status, {"Location": location}))
    answer = sender.send(receiver.url, BODY, HEADERS)
    assert (answer.status_code, answer.error) == (status, SendError.ANSWERED_3XX)
    assert [request.target for request in receiver.received] == ["/hooks"]


def test_a_proxy_of_the_environment_is_not_used(
    sender: WebhookSender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert sender.send(receiver.url, BODY, HEADERS).status_code == 204


def test_a_cookie_is_not_kept(sender: WebhookSender, receiver: Receiver) -> None:
    receiver.answers(http_answer(200, {"Set-Cookie": "a=b"}))
    for _ in range(2):
        sender.send(receiver.url, BODY, HEADERS)
    assert [request.headers.get("cookie") for request in receiver.received] == [None, None]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0", 0), ("1", 1), ("120", 120), ("86400", 86400), ("86401", 86400), ("soon", None), ("", None)],
)
def test_an_answer_may_ask_for_time(
    sender: WebhookSender, receiver: Receiver, value: str, expected: int | None
) -> None:
    receiver.answers(b"HTTP/1.1 503 Busy\r\nRETRY-after:  " + value.encode() + b" \r\n\r\n")
    assert sender.send(receiver.url, BODY, HEADERS).retry_after_seconds == expected


def test_an_answer_may_ask_for_time_until_a_date(sender: WebhookSender, receiver: Receiver) -> None:
    receiver.answers(http_answer(429, {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}))
    assert sender.send(receiver.url, BODY, HEADERS).retry_after_seconds == 86400


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="no headers"),
        pytest.param(b"HTTP/1.0 200\r\n\r\n", id="no reason, an old version"),
        pytest.param(b"HTTP/1.1 200 OK\nServer: x\n\n", id="bare line feeds"),
        pytest.param(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", id="1xx"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (MAX_HEAD_BYTES - 24) + b"\r\n\r\n", id="as long as may be"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut", id="a body cut short"),
    ],
)
def test_an_answer_is_whole_with_its_head(sender: WebhookSender, receiver: Receiver, head: bytes) -> None:
    receiver.answers(head)
    assert (sender.send(receiver.url, BODY, HEADERS)).status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"nonsense\r\n\r\n", id="not HTTP"),
        pytest.param(b"\r\n\r\n", id="nothing but an end"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", id="another protocol"),
        pytest.param(b"HTTP/2 200\r\n\r\n", id="another version"),
        pytest.param(b"HTTP/1.1 2000 OK\r\n\r\n", id="a long status"),
        pytest.param(b"HTTP/1.1 600 Odd\r\n\r\n", id="a status there is not"),
        pytest.param("HTTP/1.1 ２００ OK\r\n\r\n".encode(), id="digits of another script"),  # noqa: RUF001
        pytest.param(b"\x00" * 64 + b"\r\n\r\n", id="zeros"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000, id="headers without an end"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n", id="a header too long"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, id="nothing but 1xx"),
    ],
)
def test_an_answer_that_is_none_is_malformed(sender: WebhookSender, receiver: Receiver, head: bytes) -> None:
    receiver.answers(head)
    answer = sender.send(receiver.url, BODY, HEADERS)
    assert (answer.status_code, answer.error) == (None, SendError.ANSWER_MALFORMED)


def test_a_name_resolves_to_all_its_addresses() -> None:
    addresses = set(resolve_name("localhost"))
    assert addresses
    assert addresses <= {"127.0.0.1", "::1"}
