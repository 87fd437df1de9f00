"""With a real OpenAI-compatible endpoint in the stand-in's place. Here another small server plays that endpoint."""

import json
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError

from local.providers.routes import Routes, Settings
from local.providers.server import StandInServer
from tests.unit.local_providers.fake_ministack import FakeMiniStack
from tests.unit.local_providers.serving import in_background
from tests.unit.local_providers.stack import Stack, loopback_client, text_of, wire_error


class Llm(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self.status = 200
        self.finish_reason: str | None = "stop"
        self.streams = True


class _Handler(BaseHTTPRequestHandler):
    server: Llm

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, body))
        self.send_response(self.server.status)
        streams = body.get("stream") and self.server.streams and self.server.status == 200
        self.send_header("Content-Type", "text/event-stream" if streams else "application/json")
        self.end_headers()
        usage = {"prompt_tokens": 11, "completion_tokens": 22}
        if not streams:
            choice = {"message": {"content": "a real answer"}, "finish_reason": self.server.finish_reason}
            self.wfile.write(json.dumps({"model": body["model"], "choices": [choice], "usage": usage}).encode())
            return
        for piece in ("a ", "real ", "answer"):
            self._event({"choices": [{"delta": {"content": piece}, "finish_reason": None}]})
        if self.server.finish_reason:
            self._event({"choices": [{"delta": {}, "finish_reason": self.server.finish_reason}]})
            self._event({"choices": [], "usage": usage})
            self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, content: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(content).encode() + b"\n\n")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def llm() -> Iterator[Llm]:
    server = Llm()
    with in_background(server):
        yield server


@pytest.fixture
def path() -> str:
    """Say where the base URL of the endpoint ends."""
    return ""


@pytest.fixture
def stack(llm: Llm, path: str) -> Iterator[Stack]:
    with FakeMiniStack() as ministack:
        llm_url = f"http://127.0.0.1:{llm.server_address[1]}{path}"
        server = StandInServer(0, Routes(Settings(ministack.url, llm_url, "qwen")))
        url = f"http://127.0.0.1:{server.port}"
        ministack.behaviour.proxy_url = f"{url}/behind-bedrock"
        running = Stack(server.port, loopback_client(url), ministack.behaviour)
        with in_background(server), closing(running):
            yield running


@pytest.mark.parametrize("path", ["", "/v1", "/v1/"])
def test_chat_is_the_endpoints_own_answer(stack: Stack, llm: Llm) -> None:
    answer = stack.chat("hello", temperature=0.1)
    assert answer.json()["choices"][0]["message"]["content"] == "a real answer"
    assert "x-promptmill-stand-in" not in answer.headers
    called, body = llm.seen[0]
    assert (called, body["model"], body["temperature"]) == ("/v1/chat/completions", "qwen", 0.1)
    assert stack.http.get("/_health").json()["stand_in"] is False


def test_a_chat_stream_is_passed_on(stack: Stack) -> None:
    assert stack.chat("hello", stream=True).text.endswith("data: [DONE]\n\n")


def test_bedrock_streams_each_piece_as_the_endpoint_sends_it(stack: Stack) -> None:
    answer, events = stack.converse_stream("hello")
    pieces = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert pieces == ["a ", "real ", "answer"]
    assert events[-1]["metadata"]["usage"] == {"inputTokens": 11, "outputTokens": 22, "totalTokens": 33}
    assert "additionalModelResponseFields" not in events[-2]["messageStop"]
    assert "x-promptmill-stand-in" not in answer["ResponseMetadata"]["HTTPHeaders"]


def test_an_endpoint_that_cannot_stream_answers_too(stack: Stack, llm: Llm) -> None:
    llm.streams = False
    assert text_of(stack.converse_stream("hello")[1]) == "a real answer"
    assert stack.converse("hello")["usage"]["outputTokens"] == 22


def test_the_finish_reason_becomes_the_stop_reason(stack: Stack, llm: Llm) -> None:
    llm.finish_reason = "length"
    assert stack.converse("hello")["stopReason"] == "max_tokens"


@pytest.mark.parametrize(
    ("status", "name"),
    [(429, "ThrottlingException"), (404, "ResourceNotFoundException"), (418, "ModelErrorException")],
)
def test_a_failure_of_the_endpoint_is_a_bedrock_error(stack: Stack, llm: Llm, status: int, name: str) -> None:
    llm.status = status
    with pytest.raises(ClientError) as caught:
        stack.converse("hello")
    assert wire_error(caught.value)[0] == name
    assert stack.chat("hello").status_code == status


def test_a_stream_that_breaks_off_is_an_error_in_the_stream(stack: Stack, llm: Llm) -> None:
    llm.finish_reason = None
    events, failure = stack.broken_stream("hello", EventStreamError)
    assert text_of(events) == "a real answer"
    assert "modelStreamErrorException" in str(failure)


def test_an_endpoint_that_is_gone_is_an_unavailable_service(stack: Stack, llm: Llm) -> None:
    llm.server_close()
    with pytest.raises(ClientError) as caught:
        stack.converse("hello")
    assert wire_error(caught.value) == ("ServiceUnavailableException", 503)
    assert stack.chat("hello").status_code == 503


def test_scripted_faults_apply_before_the_endpoint_is_asked(stack: Stack, llm: Llm) -> None:
    stack.script("chat", {"status": 429}, {"stop_reason": "content_filtered"})
    assert stack.chat("hello").status_code == 429
    assert llm.seen == []
    assert stack.converse("hello")["stopReason"] == "content_filtered"
