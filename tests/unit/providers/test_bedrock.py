"""A real botocore client against a server on this machine that writes Bedrock's wire format, good and bad."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.exceptions
import botocore.session
import pytest
import urllib3.exceptions
from botocore.config import Config

from local.providers.event_stream import event_frame, exception_frame
from promptmill import errors
from promptmill.errors import PromptmillError
from promptmill.providers.bedrock import BedrockProvider
from promptmill.providers.bedrock_errors import FAILURES
from promptmill.providers.failures import billed_usage
from promptmill.providers.interface import Answer, Usage
from tests.unit.providers.builders import FakeClock, a_text_model, a_text_request, an_image_model, an_image_request
from tests.unit.providers.loopback import LAST_CHUNK, Connection, Loopback, chunked_head, chunks, http_answer

ROOT = Path(__file__).parents[3]
CANARY = "provider-text-that-may-quote-the-prompt"
STREAM_TYPE = "application/vnd.amazon.eventstream"
HEAD = chunked_head(STREAM_TYPE)


def delta(text: str) -> bytes:
    return event_frame("contentBlockDelta", {"delta": {"text": text}, "contentBlockIndex": 0})


def stop(reason: str = "end_turn") -> bytes:
    return event_frame("messageStop", {"stopReason": reason})


START = event_frame("messageStart", {"role": "assistant"})
BLOCK_STOP = event_frame("contentBlockStop", {"contentBlockIndex": 0})
METADATA = event_frame(
    "metadata", {"usage": {"inputTokens": 31, "outputTokens": 20, "totalTokens": 51}, "metrics": {"latencyMs": 5}}
)
USED = Usage(input_tokens=31, output_tokens=20)
FRAMES = (START, delta("Hello"), delta(", world"), BLOCK_STOP, stop(), METADATA)
STOP_AT = FRAMES.index(stop())


def a_client(url: str, *, read_timeout_seconds: float = 5) -> Any:
    session = botocore.session.Session()
    session.set_credentials("AKIAEXAMPLE", "secret-canary")
    config = Config(
        connect_timeout=2, read_timeout=read_timeout_seconds, retries={"mode": "standard", "total_max_attempts": 1}
    )
    return session.create_client("bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=config)


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@pytest.fixture(scope="module")
def client(server: Loopback) -> Iterator[Any]:
    made = a_client(server.url)
    yield made
    made.close()


@pytest.fixture
def bedrock(client: Any) -> BedrockProvider:
    return BedrockProvider(client)


def ask(provider: BedrockProvider, *texts: str) -> Answer:
    return provider.generate(a_text_model(), a_text_request(*texts))


def failing(provider: BedrockProvider) -> PromptmillError:
    with pytest.raises(PromptmillError) as caught:
        ask(provider)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caught.value.detail
    assert CANARY not in shown
    return caught.value


def test_the_pieces_of_an_answer_arrive_in_order_and_make_its_text(server: Loopback, bedrock: BedrockProvider) -> None:
    server.answers(HEAD, chunks(FRAMES), LAST_CHUNK)
    pieces: list[str] = []
    answer = bedrock.generate(a_text_model(), a_text_request(), on_text=pieces.append)
    assert (answer.text, answer.truncated, answer.usage, pieces) == ("Hello, world", False, USED, ["Hello", ", world"])


def test_an_answer_is_the_same_however_the_frames_are_cut_into_chunks(
    server: Loopback, bedrock: BedrockProvider
) -> None:
    whole = b"".join(FRAMES)
    for size in (1, 7, 100, len(whole)):
        server.answers(HEAD, chunks(whole[at : at + size] for at in range(0, len(whole), size)), LAST_CHUNK)
        assert ask(bedrock).text == "Hello, world"


def test_the_request_carries_the_conversation_the_system_text_and_always_a_limit(
    server: Loopback, bedrock: BedrockProvider
) -> None:
    server.answers(HEAD, chunks(FRAMES), LAST_CHUNK)
    ask(bedrock, "Hi", "Hello", "Go on")
    (request,) = server.received
    assert request.target == "/model/vendor.clever-v1%3A0/converse-stream"
    assert request.json() == {
        "messages": [
            {"role": "user", "content": [{"text": "Hi"}]},
            {"role": "assistant", "content": [{"text": "Hello"}]},
            {"role": "user", "content": [{"text": "Go on"}]},
        ],
        "system": [{"text": "Be brief."}],
        "inferenceConfig": {"maxTokens": 300, "temperature": 0.3},
    }


def test_the_limit_is_the_models_when_that_is_lower_and_an_empty_system_text_is_left_out(
    server: Loopback, bedrock: BedrockProvider
) -> None:
    server.answers(HEAD, chunks(FRAMES), LAST_CHUNK)
    bedrock.generate(a_text_model(max_output_tokens=40), a_text_request(system="", max_output_tokens=300))
    sent = server.received[0].json()
    assert sent["inferenceConfig"]["maxTokens"] == 40
    assert "system" not in sent


def test_the_request_id_is_kept(server: Loopback, bedrock: BedrockProvider) -> None:
    head = HEAD.replace(b"\r\n", b"\r\nx-amzn-RequestId: 9d1f-77\r\n", 1)
    server.answers(head, chunks(FRAMES), LAST_CHUNK)
    assert ask(bedrock).provider_request_id == "9d1f-77"


@pytest.mark.parametrize(
    ("reason", "truncated"),
    [("end_turn", False), ("stop_sequence", False), ("max_tokens", True), ("model_context_window_exceeded", True)],
)
def test_a_reason_to_stop_that_leaves_an_answer(
    server: Loopback, bedrock: BedrockProvider, reason: str, *, truncated: bool
) -> None:
    server.answers(HEAD, chunks([START, delta("text"), stop(reason), METADATA]), LAST_CHUNK)
    answer = ask(bedrock)
    assert (answer.text, answer.truncated, answer.usage) == ("text", truncated, USED)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("guardrail_intervened", errors.ContentBlocked),
        ("content_filtered", errors.ContentBlocked),
        ("malformed_model_output", errors.ProviderAnswerBroken),
        ("malformed_tool_use", errors.ProviderAnswerBroken),
        ("tool_use", errors.ProviderAnswerBroken),
        ("a_reason_of_next_year", errors.ProviderAnswerBroken),
    ],
)
def test_a_reason_to_stop_that_leaves_no_answer_still_says_what_was_used(
    server: Loopback, bedrock: BedrockProvider, reason: str, expected: type[PromptmillError]
) -> None:
    server.answers(HEAD, chunks([START, delta(CANARY), stop(reason), METADATA]), LAST_CHUNK)
    error = failing(bedrock)
    assert type(error) is expected
    assert billed_usage(error) == USED


@pytest.mark.parametrize("text", ["", "  \n"])
@pytest.mark.parametrize("reason", ["end_turn", "max_tokens", "model_context_window_exceeded"])
def test_an_answer_without_text_is_broken(server: Loopback, bedrock: BedrockProvider, reason: str, text: str) -> None:
    server.answers(HEAD, chunks([START, delta(text), stop(reason), METADATA]), LAST_CHUNK)
    error = failing(bedrock)
    assert type(error) is errors.ProviderAnswerBroken
    assert billed_usage(error) == USED


# The error table of the facts page, with the HTTP status of each row, and what else is on that wire.
WIRE_ERRORS: list[tuple[str, int, type[PromptmillError]]] = [
    ("ThrottlingException", 429, errors.ProviderThrottled),
    ("ModelNotReadyException", 429, errors.ProviderWarming),
    ("ModelTimeoutException", 408, errors.ProviderTimeout),
    ("InternalServerException", 500, errors.ProviderError),
    ("ServiceUnavailableException", 503, errors.ProviderUnavailable),
    ("ModelStreamErrorException", 424, errors.ProviderStreamBroken),
    ("ModelErrorException", 424, errors.ProviderModelError),
    ("ValidationException", 400, errors.InvalidRequest),
    ("AccessDeniedException", 403, errors.ProviderAccessDenied),
    ("ResourceNotFoundException", 404, errors.ModelNotFound),
    ("ServiceQuotaExceededException", 400, errors.ProviderQuota),
    ("UnrecognizedClientException", 403, errors.ProviderAccessDenied),
    ("ExpiredTokenException", 403, errors.ProviderAccessDenied),
    ("InvalidSignatureException", 403, errors.ProviderAccessDenied),
    ("IncompleteSignatureException", 400, errors.ProviderAccessDenied),
    ("MissingAuthenticationTokenException", 403, errors.ProviderAccessDenied),
    ("TooManyRequestsException", 429, errors.ProviderThrottled),
    ("InternalFailure", 500, errors.ProviderError),
    ("ServiceUnavailable", 503, errors.ProviderUnavailable),
]
UNKNOWN_CODES: list[tuple[int, type[PromptmillError]]] = [
    (400, errors.InvalidRequest),
    (401, errors.ProviderAccessDenied),
    (403, errors.ProviderAccessDenied),
    (404, errors.ModelNotFound),
    (408, errors.ProviderTimeout),
    (413, errors.InvalidRequest),
    (424, errors.ProviderModelError),
    (429, errors.ProviderThrottled),
    (500, errors.ProviderError),
    (502, errors.ProviderError),
    (503, errors.ProviderUnavailable),
    (504, errors.ProviderTimeout),
]


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [*WIRE_ERRORS, *(("ErrorOfNextYear", status, expected) for status, expected in UNKNOWN_CODES)],
)
def test_an_error_answer_becomes_the_error_of_the_table(
    server: Loopback, bedrock: BedrockProvider, code: str, status: int, expected: type[PromptmillError]
) -> None:
    body = json.dumps({"message": CANARY}).encode()
    server.answers(http_answer(status, {"x-amzn-ErrorType": code, "Content-Type": "application/json"}, body))
    error = failing(bedrock)
    assert type(error) is expected
    assert billed_usage(error) is None
    assert len(server.received) == 1, "one attempt, for the workflow retries"


@pytest.mark.parametrize(("status", "expected"), UNKNOWN_CODES)
def test_an_error_page_that_is_not_json_goes_by_its_status(
    server: Loopback, bedrock: BedrockProvider, status: int, expected: type[PromptmillError]
) -> None:
    server.answers(http_answer(status, {"Content-Type": "text/html"}, f"<html>{CANARY}</html>".encode()))
    assert type(failing(bedrock)) is expected


def test_every_code_of_the_table_is_tested() -> None:
    codes = {code for code in FAILURES if code.endswith(("Exception", "Failure")) or code == "ServiceUnavailable"}
    assert codes == {code for code, _, _ in WIRE_ERRORS}


def test_every_error_the_api_declares_is_in_the_table(client: Any) -> None:
    declared = {shape.name for shape in client.meta.service_model.operation_model("ConverseStream").error_shapes}
    assert declared <= set(FAILURES)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("modelStreamErrorException", errors.ProviderStreamBroken),
        ("throttlingException", errors.ProviderThrottled),
        ("internalServerException", errors.ProviderError),
        ("serviceUnavailableException", errors.ProviderUnavailable),
        ("validationException", errors.InvalidRequest),
        ("modelTimeoutException", errors.ProviderTimeout),
        ("errorOfNextYear", errors.ProviderStreamBroken),
    ],
)
@pytest.mark.parametrize("before", [(), (START, delta("Hel"))])
def test_an_error_inside_the_stream_is_the_same_error(
    server: Loopback, bedrock: BedrockProvider, before: tuple[bytes, ...], code: str, expected: type[PromptmillError]
) -> None:
    server.answers(HEAD, chunks([*before, exception_frame(code, {"message": CANARY})]), LAST_CHUNK)
    error = failing(bedrock)
    # A code that is no member of the stream's shape reaches us without its name.
    assert type(error) is (errors.ProviderStreamBroken if code == "modelTimeoutException" else expected)
    usage = billed_usage(error)
    assert usage is not None
    assert usage.estimated
    assert (usage.output_tokens > 0) == bool(before)


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


@pytest.mark.parametrize(
    "metadata", [{}, {"usage": None}, {"usage": {"inputTokens": 3}}, {"usage": {"inputTokens": -3, "outputTokens": 1}}]
)
def test_usage_the_provider_does_not_say_is_estimated(
    server: Loopback, bedrock: BedrockProvider, metadata: dict[str, Any]
) -> None:
    frames = [delta("x" * 70), stop(), event_frame("metadata", metadata)]
    server.answers(HEAD, chunks(frames), LAST_CHUNK)
    answer = bedrock.generate(a_text_model(), a_text_request("y" * 35, system="z" * 14))
    assert answer.usage == Usage(input_tokens=14, output_tokens=20, estimated=True)


def test_events_we_do_not_know_are_passed_over(server: Loopback, bedrock: BedrockProvider) -> None:
    news = event_frame("newsOfNextYear", {"a": 1})
    reasoning = event_frame("contentBlockDelta", {"delta": {"reasoningContent": {"text": "hm"}}})
    server.answers(HEAD, chunks([news, START, reasoning, *FRAMES[1:]]), LAST_CHUNK)
    assert ask(bedrock).text == "Hello, world"


def test_an_error_of_the_receiver_of_text_stays_what_it_is(server: Loopback, bedrock: BedrockProvider) -> None:
    def on_text(text: str) -> None:
        raise OSError(text)

    server.answers(HEAD, chunks(FRAMES), LAST_CHUNK)
    with pytest.raises(OSError, match="Hello"):
        bedrock.generate(a_text_model(), a_text_request(), on_text=on_text)


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
        connection.drip(chunks([delta("x" * 100_000)]))

    server.respond = respond
    error = failing(BedrockProvider(client, deadline_seconds=0.2))
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
    impatient = a_client(server.url, read_timeout_seconds=0.2)
    assert type(failing(BedrockProvider(impatient))) is errors.ProviderTimeout
    impatient.close()


def test_a_connection_closed_without_an_answer_is_an_unavailable_provider(
    server: Loopback, bedrock: BedrockProvider
) -> None:
    server.answers()
    assert type(failing(bedrock)) is errors.ProviderUnavailable


def test_a_refused_connection_is_an_unavailable_provider() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    nobody = a_client(f"http://127.0.0.1:{port}")
    assert type(failing(BedrockProvider(nobody))) is errors.ProviderUnavailable
    nobody.close()


class RaisingClient:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def converse_stream(self, **_: object) -> dict[str, Any]:
        raise self._error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (botocore.exceptions.ConnectTimeoutError(endpoint_url=CANARY), errors.ProviderUnavailable),
        (botocore.exceptions.ReadTimeoutError(endpoint_url=CANARY), errors.ProviderTimeout),
        (botocore.exceptions.EndpointConnectionError(endpoint_url=CANARY), errors.ProviderUnavailable),
        (botocore.exceptions.ProxyConnectionError(proxy_url=CANARY), errors.ProviderUnavailable),
        (botocore.exceptions.SSLError(endpoint_url=CANARY, error=CANARY), errors.ProviderUnavailable),
        (botocore.exceptions.HTTPClientError(error=CANARY), errors.ProviderUnavailable),
        (botocore.exceptions.NoCredentialsError(), errors.ProviderAccessDenied),
        (botocore.exceptions.PartialCredentialsError(provider="env", cred_var=CANARY), errors.ProviderAccessDenied),
        (
            botocore.exceptions.CredentialRetrievalError(provider="env", error_msg=CANARY),
            errors.ProviderAccessDenied,
        ),
        (botocore.exceptions.TokenRetrievalError(provider="sso", error_msg=CANARY), errors.ProviderAccessDenied),
        (botocore.exceptions.UnauthorizedSSOTokenError(), errors.ProviderAccessDenied),
        (botocore.exceptions.ParamValidationError(report=CANARY), errors.InvalidRequest),
        (botocore.exceptions.NoRegionError(), errors.BrokenContractError),
        (botocore.exceptions.ProfileNotFound(profile=CANARY), errors.BrokenContractError),
        (urllib3.exceptions.ProtocolError(CANARY), errors.ProviderUnavailable),
        (ConnectionResetError(CANARY), errors.ProviderUnavailable),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_a_call_without_an_answer_becomes_the_error_of_the_table(
    error: Exception, expected: type[PromptmillError]
) -> None:
    assert type(failing(BedrockProvider(RaisingClient(error)))) is expected


def test_a_bug_is_not_dressed_up_as_a_failure_of_the_provider() -> None:
    with pytest.raises(ZeroDivisionError):
        ask(BedrockProvider(RaisingClient(ZeroDivisionError())))


def test_operators_see_the_code_and_the_request_id_but_not_the_text(server: Loopback, bedrock: BedrockProvider) -> None:
    headers = {"x-amzn-ErrorType": "ThrottlingException", "x-amzn-RequestId": "9d1f-77"}
    server.answers(http_answer(429, headers, json.dumps({"message": CANARY}).encode()))
    assert failing(bedrock).__notes__ == ["bedrock: ThrottlingException, HTTP 429, request 9d1f-77"]


def test_an_error_code_that_is_no_code_is_not_repeated(server: Loopback, bedrock: BedrockProvider) -> None:
    server.answers(http_answer(400, {"x-amzn-ErrorType": f"{CANARY} and more"}, b"{}"))
    assert type(failing(bedrock)) is errors.InvalidRequest


def test_bedrock_is_not_asked_for_images() -> None:
    with pytest.raises(errors.BrokenContractError):
        BedrockProvider(RaisingClient(ZeroDivisionError())).generate(an_image_model(), an_image_request())


def test_the_clients_own_default_makes_one_attempt(server: Loopback) -> None:
    server.answers(http_answer(503, {"x-amzn-ErrorType": "ServiceUnavailableException"}, b"{}"))
    program = (
        "from promptmill.providers.bedrock import BedrockProvider\n"
        "from promptmill.errors import ProviderUnavailable\n"
        "from tests.unit.providers.builders import a_text_model, a_text_request\n"
        "try:\n    BedrockProvider().generate(a_text_model(), a_text_request())\n"
        "except ProviderUnavailable:\n    print('unavailable')\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(ROOT / "layers" / "core"), str(ROOT)]),
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": server.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
    }
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "unavailable\n"
    assert len(server.received) == 1
