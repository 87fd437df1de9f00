"""Nothing is connected to but public addresses that were looked at. No socket is opened here."""

from __future__ import annotations

import socket

import pytest

from promptmill.events.webhooks.answer import SendError
from promptmill.events.webhooks.gateway import WebhookSender
from tests.unit.webhooks.urls import HOSTILE
from tests.unit.webhooks.wire import BODY, HEADERS, Connections, Names

PUBLIC = "93.184.215.14"


@pytest.fixture(autouse=True)
def _offline(socket_disabled: None) -> None:
    """No test here may open a socket."""


@pytest.mark.parametrize("url", HOSTILE, ids=ascii)
def test_a_hostile_url_is_neither_resolved_nor_connected_to(url: str) -> None:
    names, connections = Names([[PUBLIC]]), Connections()
    answer = WebhookSender(resolve=names, connect=connections).send(url, BODY, HEADERS)
    assert (answer.error, answer.status_code) == (SendError.URL_REFUSED, None)
    assert (names.asked, connections.opened) == ([], [])


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(["127.0.0.1"], id="this machine"),
        pytest.param(["169.254.169.254"], id="the metadata of a machine in the cloud"),
        pytest.param(["10.0.0.1"], id="a private network"),
        pytest.param(["::1"], id="this machine over IPv6"),
        pytest.param(["fe80::1%eth0"], id="a link"),
        pytest.param(["fd00:ec2::254"], id="a private network over IPv6"),
        pytest.param(["::ffff:169.254.169.254"], id="mapped"),
        pytest.param(["64:ff9b::a9fe:a9fe"], id="NAT64"),
        pytest.param(["2002:a9fe:a9fe::"], id="6to4"),
        pytest.param(["2001:0:a9fe:a9fe::1"], id="Teredo"),
        pytest.param(["fe80::1%"], id="none at all"),
        pytest.param([PUBLIC, "10.0.0.1"], id="a public one, then a private one"),
        pytest.param(["10.0.0.1", PUBLIC], id="a private one, then a public one"),
        pytest.param(["2606:4700:4700::1111", PUBLIC, "::1"], id="the last of three"),
    ],
)
def test_one_address_that_is_not_public_refuses_the_host(addresses: list[str]) -> None:
    connections = Connections()
    answer = WebhookSender(resolve=Names([addresses]), connect=connections).send(
        "https://hooks.example.com/", BODY, HEADERS
    )
    assert answer.error is SendError.ADDRESS_NOT_PUBLIC
    assert connections.opened == []


def test_a_name_is_looked_at_anew_for_every_request() -> None:
    names = Names([[PUBLIC], ["127.0.0.1"]])
    connections = Connections(failing={PUBLIC: ConnectionRefusedError()})
    sender = WebhookSender(resolve=names, connect=connections)
    errors = [sender.send("https://hooks.example.com/", BODY, HEADERS).error for _ in range(2)]
    assert errors == [SendError.CONNECTION_REFUSED, SendError.ADDRESS_NOT_PUBLIC]
    assert names.asked == ["hooks.example.com"] * 2
    assert connections.opened == [(PUBLIC, 443)]


def test_between_the_look_and_the_connection_the_name_is_not_asked_again() -> None:
    names = Names([[PUBLIC, "1.1.1.1"], ["127.0.0.1"]])
    failing: dict[str, OSError] = {PUBLIC: TimeoutError(), "1.1.1.1": ConnectionRefusedError()}
    connections = Connections(failing=failing)
    WebhookSender(resolve=names, connect=connections).send("https://hooks.example.com/", BODY, HEADERS)
    assert names.asked == ["hooks.example.com"]
    assert connections.opened == [(PUBLIC, 443), ("1.1.1.1", 443)]


@pytest.mark.parametrize(("url", "address"), [("https://8.8.8.8/", "8.8.8.8"), ("https://[2600::1]/", "2600::1")])
def test_a_url_with_an_address_asks_no_name_server(url: str, address: str) -> None:
    names, connections = Names([[PUBLIC]]), Connections(failing={address: ConnectionRefusedError()})
    WebhookSender(resolve=names, connect=connections).send(url, BODY, HEADERS)
    assert (names.asked, connections.opened) == ([], [(address, 443)])


@pytest.mark.parametrize("url", ["https://localhost:8443/", "https://127.0.0.1:8443/"])
def test_loopback_is_this_machine_whatever_the_name_server_says(url: str, authority: str) -> None:
    names, connections = Names([[PUBLIC]]), Connections(failing={"127.0.0.1": ConnectionRefusedError()})
    sender = WebhookSender(resolve=names, connect=connections, loopback_ca=authority)
    assert sender.send(url, BODY, HEADERS).error is SendError.CONNECTION_REFUSED
    assert (names.asked, connections.opened) == ([], [("127.0.0.1", 8443)])


def test_where_loopback_is_allowed_a_name_that_leads_there_is_not(authority: str) -> None:
    connections = Connections()
    sender = WebhookSender(resolve=Names([["127.0.0.1"]]), connect=connections, loopback_ca=authority)
    assert sender.send("https://hooks.example.com/", BODY, HEADERS).error is SendError.ADDRESS_NOT_PUBLIC
    assert connections.opened == []


@pytest.mark.parametrize(
    "failure",
    [
        socket.gaierror(socket.EAI_NONAME, "unknown"),
        socket.gaierror(socket.EAI_AGAIN, "later"),
        OSError(),
        UnicodeError("label too long"),
    ],
)
def test_a_name_that_does_not_resolve_is_said_to_at_once(failure: Exception) -> None:
    def fail(host: str) -> list[str]:
        raise failure

    connections = Connections()
    answer = WebhookSender(resolve=fail, connect=connections).send("https://hooks.example.com/", BODY, HEADERS)
    assert (answer.error, connections.opened) == (SendError.NAME_NOT_RESOLVED, [])
    assert answer.duration_ms < 1000


def test_a_name_without_addresses_is_not_resolved() -> None:
    answer = WebhookSender(resolve=Names([[]]), connect=Connections()).send("https://a.example.com/", BODY, HEADERS)
    assert answer.error is SendError.NAME_NOT_RESOLVED


@pytest.mark.parametrize(
    ("failures", "error"),
    [
        ([TimeoutError(), ConnectionRefusedError()], SendError.CONNECTION_REFUSED),
        ([ConnectionRefusedError(), TimeoutError()], SendError.TIMED_OUT),
        ([OSError(101, "Network is unreachable")], SendError.CONNECTION_REFUSED),
    ],
)
def test_the_last_address_that_took_no_connection_says_why(failures: list[OSError], error: SendError) -> None:
    failing = {f"1.1.1.{number}": failure for number, failure in enumerate(failures)}
    sender = WebhookSender(resolve=Names([list(failing)]), connect=Connections(failing=failing))
    assert sender.send("https://hooks.example.com/", BODY, HEADERS).error is error
