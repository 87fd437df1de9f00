import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EventStreamError
from botocore.exceptions import HTTPClientError as BotocoreHttpError
from urllib3.exceptions import ProtocolError

from promptmill.prompting.enhance_by_rules import enhance_by_rules
from promptmill.prompting.model import EnhancementRequest
from tests.unit.local_providers.stack import HAIKU, Stack, converse_input, text_of, wire_error

PROMPT = "write a long story about a lighthouse keeper who collects storms in bottles and sells them to sailors"
FAILURES = [
    ({"status": 429}, "ThrottlingException", 429),
    ({"status": 408}, "ModelTimeoutException", 408),
    ({"status": 500}, "InternalServerException", 500),
    ({"status": 503}, "ServiceUnavailableException", 503),
    ({"status": 424}, "ModelErrorException", 424),
    ({"status": 400}, "ValidationException", 400),
    ({"status": 403}, "AccessDeniedException", 403),
    ({"status": 404}, "ResourceNotFoundException", 404),
    ({"error": "ModelNotReadyException"}, "ModelNotReadyException", 429),
    ({"error": "ServiceQuotaExceededException"}, "ServiceQuotaExceededException", 400),
]


def enhanced(prompt: str) -> str:
    return enhance_by_rules(EnhancementRequest(prompt=prompt))


def test_converse_answers_with_the_enhanced_prompt_and_its_usage(stack: Stack) -> None:
    answer = stack.converse(PROMPT)
    assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": enhanced(PROMPT)}]}
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"]["totalTokens"] == answer["usage"]["inputTokens"] + answer["usage"]["outputTokens"] > 2
    assert answer["metrics"]["latencyMs"] >= 1


def test_every_converse_answer_says_that_no_model_was_called(stack: Stack) -> None:
    whole = stack.converse(PROMPT)
    stream, events = stack.converse_stream(PROMPT)
    stop = next(event["messageStop"] for event in events if "messageStop" in event)
    for answer in (whole, stream):
        assert answer["ResponseMetadata"]["HTTPHeaders"]["x-promptmill-stand-in"] == "true"
    assert whole["additionalModelResponseFields"] == {"promptmill_stand_in": True}
    assert stop["additionalModelResponseFields"] == {"promptmill_stand_in": True}
    assert "stand" not in whole["output"]["message"]["content"][0]["text"]


def test_converse_stream_sends_the_events_of_bedrock_in_order(stack: Stack) -> None:
    _, events = stack.converse_stream(PROMPT)
    names = [next(iter(event)) for event in events]
    deltas = names.count("contentBlockDelta")
    assert names == ["messageStart", *["contentBlockDelta"] * deltas, "contentBlockStop", "messageStop", "metadata"]
    assert deltas > 1
    assert text_of(events) == enhanced(PROMPT)
    assert events[-2]["messageStop"]["stopReason"] == "end_turn"
    assert events[-1]["metadata"]["usage"]["outputTokens"] > 2


def test_each_frame_of_a_stream_is_a_chunk_of_its_own(stack: Stack) -> None:
    with stack.http.stream("POST", f"/model/{HAIKU}/converse-stream", json=_wire_body(PROMPT)) as answer:
        assert answer.headers["transfer-encoding"] == "chunked"
        assert "content-length" not in answer.headers
        frames = list(answer.iter_raw())
    assert len(b"".join(frames)) > 0
    assert len(frames) > 4


def test_the_signed_request_reaches_ministack_unchanged(stack: Stack) -> None:
    stack.converse_stream(PROMPT)
    path, headers, body = stack.ministack.seen[0]
    assert path == "/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse-stream"
    assert headers["host"] == f"127.0.0.1:{stack.port}"
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")
    assert "x-amz-date" in headers
    assert json.loads(body)["messages"][0]["content"] == [{"text": PROMPT}]


def test_a_refusal_of_ministack_is_passed_on_and_uses_up_no_fault(stack: Stack) -> None:
    stack.ministack.answer_instead = (403, {"__type": "AccessDeniedException", "message": "not allowed: bedrock:Foo"})
    stack.script("chat", {"status": 500})
    for call in (stack.converse, stack.converse_stream):
        with pytest.raises(ClientError, match="bedrock:Foo") as caught:
            call(PROMPT)
        assert wire_error(caught.value) == ("AccessDeniedException", 403)
    assert len(stack.http.get("/_faults").json()["chat"]) == 1


def test_a_reply_that_ministack_made_up_is_an_error_not_an_answer(stack: Stack) -> None:
    stack.ministack.proxy_url = "http://127.0.0.1:1/behind-bedrock"
    for call in (stack.converse, stack.converse_stream):
        with pytest.raises(ClientError, match="MINISTACK_BEDROCK_PROXY_URL") as caught:
            call(PROMPT)
        assert wire_error(caught.value) == ("InternalServerException", 500)


def test_an_input_that_ministacks_guardrail_blocks_is_answered_by_it(stack: Stack) -> None:
    stack.ministack.blocks_input = True
    assert stack.converse(PROMPT)["stopReason"] == "guardrail_intervened"
    _, events = stack.converse_stream(PROMPT)
    assert text_of(events) == "Blocked by guardrail."


def test_a_blank_user_message_is_a_validation_error(stack: Stack) -> None:
    with pytest.raises(ClientError) as caught:
        stack.converse("  ")
    assert wire_error(caught.value) == ("ValidationException", 400)


def test_parallel_calls_each_get_their_own_answer(stack: Stack) -> None:
    prompts = [f"describe island number {number}, its people and its weather" for number in range(8)]

    def ask(prompt: str) -> str:
        return text_of(stack.converse_stream(prompt)[1])

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, prompts * 3))
    assert answers == [enhanced(prompt) for prompt in prompts * 3]


def test_parallel_calls_with_the_same_prompt_meet_each_fault_once(stack: Stack) -> None:
    stack.script("chat", {"repeat": 3, "status": 503}, {"repeat": 2, "status": 429})

    def ask(_: int) -> int:
        try:
            stack.converse(PROMPT)
        except ClientError as error:
            return wire_error(error)[1]
        return 200

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(ask, range(8))) == [200, 200, 200, 429, 429, 503, 503, 503]


@pytest.mark.parametrize(("entry", "name", "status"), FAILURES)
def test_a_scripted_failure_has_the_class_and_status_of_bedrock(
    stack: Stack, entry: dict[str, Any], name: str, status: int
) -> None:
    stack.script("chat", {"repeat": 2, **entry})
    for call in (stack.converse, stack.converse_stream):
        with pytest.raises(ClientError) as caught:
            call(PROMPT)
        assert wire_error(caught.value) == (name, status)
    assert stack.converse(PROMPT)["stopReason"] == "end_turn"


def test_a_throttle_can_say_when_to_come_back(stack: Stack) -> None:
    stack.script("chat", {"status": 429, "retry_after": 1.5})
    with pytest.raises(ClientError) as caught:
        stack.converse(PROMPT)
    assert caught.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1.5"


@pytest.mark.parametrize("name", ["modelStreamErrorException", "throttlingException", "internalServerException"])
def test_an_in_stream_error_arrives_after_some_of_the_text(stack: Stack, name: str) -> None:
    stack.script("chat", {"error": name})
    events, failure = stack.broken_stream(PROMPT, EventStreamError)
    assert isinstance(failure, EventStreamError)
    assert failure.response["Error"]["Code"] == name
    assert text_of(events)
    assert enhanced(PROMPT).startswith(text_of(events))
    assert text_of(events) != enhanced(PROMPT)


def test_a_call_without_a_stream_gets_an_in_stream_error_as_a_status(stack: Stack) -> None:
    stack.script("chat", {"error": "modelStreamErrorException"})
    with pytest.raises(ClientError) as caught:
        stack.converse(PROMPT)
    assert wire_error(caught.value) == ("ModelStreamErrorException", 424)


@pytest.mark.parametrize("reason", ["guardrail_intervened", "content_filtered", "max_tokens", "stop_sequence"])
def test_a_scripted_stop_reason_is_the_one_of_the_answer(stack: Stack, reason: str) -> None:
    stack.script("chat", {"repeat": 2, "stop_reason": reason})
    _, events = stack.converse_stream(PROMPT)
    assert stack.converse(PROMPT)["stopReason"] == reason
    assert next(event["messageStop"]["stopReason"] for event in events if "messageStop" in event) == reason
    assert (text_of(events) == enhanced(PROMPT)) == (reason == "stop_sequence")


def test_an_answer_longer_than_max_tokens_is_cut_there(stack: Stack) -> None:
    answer = stack.converse(PROMPT, inferenceConfig={"maxTokens": 5})
    assert answer["output"]["message"]["content"][0]["text"] == enhanced(PROMPT)[:20]
    assert answer["stopReason"] == "max_tokens"
    assert answer["usage"]["outputTokens"] == 5


def test_a_truncated_stream_breaks_off_after_some_of_the_text(stack: Stack) -> None:
    stack.script("chat", {"truncate": True})
    events, _ = stack.broken_stream(PROMPT, ProtocolError)
    assert text_of(events)
    assert enhanced(PROMPT).startswith(text_of(events))


def test_a_truncated_answer_is_a_broken_connection(stack: Stack) -> None:
    stack.script("chat", {"truncate": True})
    with pytest.raises(BotocoreHttpError):
        stack.converse(PROMPT)


def test_a_disconnect_closes_without_an_answer(stack: Stack) -> None:
    stack.script("chat", {"disconnect": True})
    with pytest.raises(ConnectionClosedError):
        stack.converse(PROMPT)
    assert stack.http.get("/_calls").json()["chat"]["by_status"] == {"0": 1}


def test_a_delay_passes_before_the_answer_begins(stack: Stack) -> None:
    stack.script("chat", {"delay_ms": 80, "status": 503})
    started = time.perf_counter()
    with pytest.raises(ClientError):
        stack.converse(PROMPT)
    assert time.perf_counter() - started >= 0.08


def test_a_broken_body_is_sent_as_it_was_scripted(stack: Stack) -> None:
    stack.script("chat", {"body": "not json"}, {"body": "not json"})
    answers = [
        stack.http.post(f"/model/{HAIKU}/{operation}", json=_wire_body(PROMPT))
        for operation in ("converse", "converse-stream")
    ]
    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "not json")] * 2


def test_a_call_is_on_record_without_its_text(stack: Stack) -> None:
    stack.converse_stream(PROMPT)
    answer = stack.http.get("/_calls")
    chat = answer.json()["chat"]
    assert (chat["count"], chat["by_status"]) == (1, {"200": 1})
    assert chat["calls"][0]["model"] == HAIKU
    assert "lighthouse" not in answer.text


def test_somebody_who_asks_ministack_directly_gets_text_not_a_ticket(stack: Stack) -> None:
    body = {"model": HAIKU, "messages": [{"role": "user", "content": PROMPT}]}
    answer = httpx.post(f"{stack.ministack.proxy_url}/v1/chat/completions", json=body, trust_env=False)
    assert answer.json()["choices"][0]["message"]["content"] == enhanced(PROMPT)


def test_an_answer_of_ministack_that_is_not_converses_is_an_error(stack: Stack) -> None:
    stack.ministack.answer_instead = (200, {"surprise": True})
    with pytest.raises(ClientError) as caught:
        stack.converse(PROMPT)
    assert wire_error(caught.value) == ("InternalServerException", 500)


def _wire_body(prompt: str) -> dict[str, Any]:
    return {"messages": converse_input(prompt)["messages"]}
