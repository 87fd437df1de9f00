"""Answers of Bedrock, read by a real botocore client from a server on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.providers.event_stream import event_frame
from promptmill import errors
from promptmill.providers.bedrock import BedrockProvider
from promptmill.providers.failures import billed_usage
from promptmill.providers.interface import Usage
from tests.support.loopback import LAST_CHUNK, chunks, http_answer
from tests.unit.providers.bedrock_wire import CANARY, FRAMES, HEAD, METADATA, START, USED, ask, delta, failing, stop
from tests.unit.providers.builders import a_text_model, a_text_request, an_image_model, an_image_request

if TYPE_CHECKING:
    from promptmill.errors import PromptmillError
    from tests.support.loopback import Loopback

ROOT = Path(__file__).parents[3]


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


def test_bedrock_is_not_asked_for_images() -> None:
    with pytest.raises(errors.BrokenContractError):
        BedrockProvider(client=object()).generate(an_image_model(), an_image_request())


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
