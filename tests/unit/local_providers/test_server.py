import json
import socket
import struct
from typing import Any

import pytest

from local.providers.calls import CallNote, Calls
from local.providers.server import MAX_BODY_BYTES
from tests.unit.local_providers.stack import Stack

CHAT = "/v1/chat/completions"


def test_health_says_that_it_is_a_stand_in(stack: Stack) -> None:
    assert stack.http.get("/_health").json() == {"status": "ok", "stand_in": True}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("POST", "/model/x/invoke", 404),
        ("GET", CHAT, 405),
        ("POST", "/_calls", 405),
        ("DELETE", "/_images/x", 405),
    ],
)
def test_an_unknown_path_or_method_is_refused(stack: Stack, method: str, path: str, status: int) -> None:
    answer = stack.http.request(method, path)
    assert (answer.status_code, bool(answer.json()["error"]["message"])) == (status, True)


@pytest.mark.parametrize("path", [CHAT, "/v1/images/generations", "/_faults", "/behind-bedrock/v1/chat/completions"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(stack: Stack, path: str, body: bytes) -> None:
    answer = stack.http.post(path, content=body, headers={"Authorization": "Bearer any"})
    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]["message"]


def test_a_body_over_one_mebibyte_is_refused(stack: Stack) -> None:
    for size, status in ((MAX_BODY_BYTES, 400), (MAX_BODY_BYTES + 1, 413), (3 * MAX_BODY_BYTES, 413)):
        assert stack.http.post(CHAT, content=b" " * size).status_code == status


def test_a_body_without_a_length_is_refused(stack: Stack) -> None:
    assert stack.http.post(CHAT, content=iter([b"{}"])).status_code == 411


def test_one_connection_serves_call_after_call(stack: Stack) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "sing"}]}).encode()
    call = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (CHAT.encode(), len(body), body)
    last = b"GET /_health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as connection:
        connection.sendall(call * 3 + last)
        with connection.makefile("rb") as answers:
            assert answers.read().count(b"HTTP/1.1 200 OK") == 4


def test_a_client_that_leaves_causes_no_traceback(stack: Stack, capfd: pytest.CaptureFixture[str]) -> None:
    stack.script("chat", {"delay_ms": 30, "match": "leave"})
    body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "leave " * 9000}]})
    for sent in (len(body), len(body) // 2):
        with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset on close
            head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall((head + body[:sent]).encode())
    _poll_until_recorded(stack, 1)
    assert stack.chat("still there?").status_code == 200
    assert "Traceback" not in capfd.readouterr().err


def test_calls_are_counted_per_provider_and_can_be_cleared(stack: Stack) -> None:
    stack.draw(prompt="a secret hill")
    stack.chat("a secret tide")
    answer = stack.http.get("/_calls")
    assert {name: entry["count"] for name, entry in answer.json().items()} == {"chat": 1, "flux": 1}
    assert "secret" not in answer.text
    assert stack.http.delete("/_calls").json()["chat"] == {"count": 0, "by_status": {}, "calls": []}


def test_the_last_two_hundred_calls_are_kept_and_all_are_counted() -> None:
    calls = Calls()
    for number in range(250):
        calls.record(CallNote("chat", "m", str(number)), 200, 1.0)
    chat: dict[str, Any] = calls.to_json()["chat"]
    assert chat["count"] == 250
    assert [entry["prompt_sha256"] for entry in chat["calls"]] == [
        CallNote("chat", "m", str(number)).prompt_sha256 for number in range(50, 250)
    ]


def _poll_until_recorded(stack: Stack, count: int) -> None:
    for _ in range(500):
        if stack.http.get("/_calls").json()["chat"]["count"] >= count:
            return
    raise AssertionError("the call was not recorded")
