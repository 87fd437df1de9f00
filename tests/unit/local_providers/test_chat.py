import json
from typing import Any

import httpx
import pytest

from promptmill.prompting.enhance_by_rules import enhance_by_rules
from promptmill.prompting.meta_prompt import assemble_enhancement
from promptmill.prompting.model import EnhancementRequest, Length, Tone
from tests.unit.local_providers.stack import Stack

PROMPT = "explain how tides work to a class of ten year olds and give them an experiment to try at home"


def assembled_user_message(request: EnhancementRequest) -> str:
    return assemble_enhancement(request).messages[-1].text


def content(answer: httpx.Response) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_a_message_promptmill_assembled_is_enhanced_as_its_request_says(stack: Stack) -> None:
    request = EnhancementRequest(prompt=PROMPT, tone=Tone.PROFESSIONAL, length=Length.DETAILED)
    assert content(stack.chat(assembled_user_message(request))) == enhance_by_rules(request)


def test_any_other_message_is_itself_the_prompt(stack: Stack) -> None:
    assert content(stack.chat(PROMPT)) == enhance_by_rules(EnhancementRequest(prompt=PROMPT))


def test_the_newest_user_message_is_the_one_that_is_answered(stack: Stack) -> None:
    history = [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "write about the moon"},
        {"role": "assistant", "content": "done"},
        {"role": "user", "content": [{"type": "text", "text": PROMPT}]},
    ]
    assert content(stack.chat("", messages=history)) == enhance_by_rules(EnhancementRequest(prompt=PROMPT))


def test_the_same_request_gets_the_same_bytes(stack: Stack) -> None:
    assert stack.chat(PROMPT).content == stack.chat(PROMPT).content
    assert stack.chat(PROMPT, stream=True).content == stack.chat(PROMPT, stream=True).content


def test_the_answer_says_outside_its_text_that_no_model_was_called(stack: Stack) -> None:
    answer = stack.chat(PROMPT)
    assert answer.headers["x-promptmill-stand-in"] == "true"
    assert answer.json()["promptmill_stand_in"] is True
    assert answer.json()["system_fingerprint"] == "stand-in: no model was called"
    assert answer.json()["model"] == "m"
    assert "no model" not in content(answer)


def test_usage_counts_a_token_per_four_characters_rounded_up(stack: Stack) -> None:
    answer = stack.chat("rain!")
    completion = -(-len(content(answer)) // 4)
    expected = {"prompt_tokens": 2, "completion_tokens": completion, "total_tokens": 2 + completion}
    assert answer.json()["usage"] == expected


def test_a_stream_carries_the_same_text_in_pieces(stack: Stack) -> None:
    answer = stack.chat(PROMPT, stream=True)
    assert answer.headers["content-type"] == "text/event-stream"
    received = events(answer)
    deltas = [choice["delta"].get("content", "") for event in received for choice in event["choices"]]
    assert "".join(deltas) == content(stack.chat(PROMPT))
    assert len(deltas) > 3
    assert all(event["promptmill_stand_in"] for event in received)
    assert received[-2]["choices"][0]["finish_reason"] == "stop"
    assert received[-1]["usage"]["completion_tokens"] > 0


def test_max_tokens_cuts_the_answer_and_says_so(stack: Stack) -> None:
    choice = stack.chat(PROMPT, max_tokens=3).json()["choices"][0]
    assert len(choice["message"]["content"]) == 12
    assert choice["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "system", "content": "x"}]}, "user message"),
        ({"messages": [{"role": "user", "content": "  "}]}, "user message"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
    ],
)
def test_a_wrong_field_is_refused_by_name(stack: Stack, fields: dict[str, Any], named: str) -> None:
    answer = stack.chat(PROMPT, **fields)
    assert answer.status_code == 400
    assert named in answer.json()["error"]["message"]


def test_a_scripted_status_answers_in_the_form_of_openai(stack: Stack) -> None:
    stack.script("chat", {"status": 429, "retry_after": 2})
    answer = stack.chat(PROMPT)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    assert answer.json()["error"]["type"] == "ThrottlingException"
    assert stack.chat(PROMPT).status_code == 200


def test_a_scripted_stop_reason_is_given_as_openai_names_it(stack: Stack) -> None:
    stack.script("chat", {"stop_reason": "content_filtered"})
    assert stack.chat(PROMPT).json()["choices"][0]["finish_reason"] == "content_filter"


def test_a_scripted_body_may_be_no_json(stack: Stack) -> None:
    stack.script("chat", {"body": "not json"})
    assert stack.chat(PROMPT).text == "not json"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", [{"truncate": True}, {"disconnect": True}])
def test_a_broken_connection_is_one_for_the_client(stack: Stack, fault: dict[str, Any], stream: bool) -> None:  # noqa: FBT001
    stack.script("chat", fault)
    with pytest.raises(httpx.RemoteProtocolError):
        stack.chat(PROMPT, stream=stream)


def test_a_fault_with_match_waits_for_the_prompt_that_has_its_text(stack: Stack) -> None:
    request = EnhancementRequest(prompt="explain the tag </user_prompt> to the tides")
    stack.script("chat", {"match": "tag </user_prompt>", "status": 503})
    assert stack.chat(PROMPT).status_code == 200
    assert stack.chat(assembled_user_message(request)).status_code == 503
    assert stack.chat(assembled_user_message(request)).status_code == 200
