"""Streams of Bedrock that are cut, damaged, silent or slow."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from local.providers.event_stream import event_frame
from promptmill import errors
from promptmill.providers.bedrock import BedrockProvider
from promptmill.providers.failures import billed_usage
from promptmill.providers.interface import ATTEMPT_SECONDS
from tests.support.loopback import LAST_CHUNK, Connection, chunked_head, chunks
from tests.support.recorder import forget_cached
from tests.unit.providers.bedrock_wire import (
    FRAMES,
    HEAD,
    START,
    STOP_AT,
    STREAM_TYPE,
    a_bedrock_client,
    ask,
    delta,
    failing,
    stop,
)
from tests.unit.providers.builders import FakeClock, a_text_model, a_text_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.loopback import Loopback


@pytest.mark.parametrize("ending", [pytest.param(LAST_CHUNK, id="ended"), pytest.param(b"", id="cut")])
@pytest.mark.parametrize("kept", range(len(FRAMES) + 1))
def test_a_stream_that_ends_between_two_frames(
    server: Loopback, bedrock: BedrockProvider, kept: int, ending: bytes
) -> None:
    server.answers(HEAD, chunks(FRAMES[:kept]), ending)
    if kept <= STOP_AT:
        error = failing(bedrock)
        assert type(error) is errors.ProviderStreamBroken
        usage = billed_usage(error)
        assert usage is not None
        assert usage.estimated
    else:
        answer = ask(bedrock)
        assert answer.text == "Hello, world"
        assert answer.usage.estimated == (kept == STOP_AT + 1)


def test_a_stream_that_ends_anywhere_inside_a_frame_is_broken(server: Loopback, bedrock: BedrockProvider) -> None:
    whole = b"".join(FRAMES[: STOP_AT + 1])
    for end in range(1, len(whole), 13):
        server.answers(HEAD, chunks([whole[:end]]), LAST_CHUNK)
        assert type(failing(bedrock)) is errors.ProviderStreamBroken


def test_a_connection_that_breaks_off_mid_stream_is_a_broken_stream(server: Loopback, bedrock: BedrockProvider) -> None:
    def respond(connection: Connection) -> None:
        connection.send(HEAD + chunks(FRAMES[:2]))
        connection.reset()

    server.respond = respond
    assert type(failing(bedrock)) in (errors.ProviderStreamBroken, errors.ProviderUnavailable)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(chunks([START[:-1] + bytes([START[-1] ^ 1])]), id="checksum of the frame"),
        pytest.param(chunks([START[:8] + bytes(4) + START[12:]]), id="checksum of the prelude"),
        pytest.param(chunks([b"<html>no stream at all</html>"]), id="another format"),
        pytest.param(b"not a chunk\r\n", id="broken chunk"),
        pytest.param(chunks([START, event_frame("messageStop", [1])]), id="another shape"),  # type: ignore[arg-type]
        pytest.param(chunks([START, event_frame("contentBlockDelta", None)]), id="nothing"),  # type: ignore[arg-type]
    ],
)
def test_a_damaged_stream_is_a_broken_stream(server: Loopback, bedrock: BedrockProvider, body: bytes) -> None:
    server.answers(HEAD, body, LAST_CHUNK)
    assert type(failing(bedrock)) is errors.ProviderStreamBroken


def test_a_stream_that_passes_the_deadline_is_left_with_what_it_used(server: Loopback, client: Any) -> None:
    clock = FakeClock()
    pieces: list[str] = []

    def on_text(text: str) -> None:
        pieces.append(text)
        clock.advance(25)

    server.answers(HEAD, chunks([START, *(delta("drip") for _ in range(9)), stop()]), LAST_CHUNK)
    with pytest.raises(errors.ProviderTimeout) as caught:
        BedrockProvider(client, clock=clock).generate(a_text_model(), a_text_request(), on_text=on_text)
    assert len(pieces) == 3
    usage = billed_usage(caught.value)
    assert usage is not None
    assert usage.output_tokens > 0


@pytest.mark.parametrize("keep_alive", [True, False])
def test_a_frame_that_drips_does_not_outlast_the_deadline(server: Loopback, client: Any, *, keep_alive: bool) -> None:
    def respond(connection: Connection) -> None:
        connection.send(chunked_head(STREAM_TYPE, keep_alive=keep_alive) + chunks(FRAMES[:2]))
        connection.drip(chunks([delta("x" * 400)]))

    server.respond = respond
    began = time.monotonic()
    error = failing(BedrockProvider(client, deadline_seconds=0.2))
    assert time.monotonic() - began < 6
    assert type(error) is errors.ProviderTimeout
    assert billed_usage(error) is not None


def test_an_answer_that_is_whole_before_the_deadline_is_kept_without_its_usage(server: Loopback, client: Any) -> None:
    def respond(connection: Connection) -> None:
        connection.send(HEAD + chunks(FRAMES[: STOP_AT + 1]))
        connection.stay_silent()

    server.respond = respond
    answer = ask(BedrockProvider(client, deadline_seconds=0.2))
    assert answer.text == "Hello, world"
    assert answer.usage.estimated


@pytest.mark.parametrize("sent", [b"", HEAD + chunks(FRAMES[:2])])
def test_silence_is_a_timeout_before_the_stream_and_in_it(server: Loopback, sent: bytes) -> None:
    def respond(connection: Connection) -> None:
        connection.send(sent)
        connection.stay_silent()

    server.respond = respond
    impatient = a_bedrock_client(server.url, read_timeout_seconds=0.2)
    assert type(failing(BedrockProvider(impatient))) is errors.ProviderTimeout
    impatient.close()


@pytest.mark.parametrize("sent", [b"", HEAD + chunks(FRAMES[:2])], ids=["before the stream", "in the stream"])
def test_an_attempt_ends_when_the_time_its_caller_gave_it_does(server: Loopback, own_client: None, sent: bytes) -> None:
    def respond(connection: Connection) -> None:
        connection.send(sent)
        connection.stay_silent()

    server.respond = respond
    began = time.monotonic()
    with pytest.raises(errors.ProviderTimeout):
        BedrockProvider().generate(a_text_model(), a_text_request(), within_seconds=0.1)
    assert time.monotonic() - began < ATTEMPT_SECONDS / 4


def test_a_caller_cannot_give_an_attempt_more_time_than_it_has(server: Loopback, client: Any) -> None:
    def respond(connection: Connection) -> None:
        connection.send(HEAD + chunks(FRAMES[:2]))
        connection.stay_silent()

    server.respond = respond
    with pytest.raises(errors.ProviderTimeout):
        BedrockProvider(client, deadline_seconds=0.2).generate(a_text_model(), a_text_request(), within_seconds=900)


@pytest.fixture
def own_client(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The provider makes its client itself, for the server of the tests."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-canary")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    forget_cached()
    yield
    forget_cached()
