"""The OpenAI-compatible chat endpoint."""

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

from local.providers.answers import JSON_HEADERS, SILENCE, Answer, Ending, Request, json_answer, retry_after
from local.providers.bedrock_errors import BedrockError, ModelFailureError
from local.providers.calls import CallNote
from local.providers.chat_faults import next_chat_fault, scripted_error
from local.providers.completion import ChatRequest, Completion, Finish, Usage, chat_request, collected, ending_with
from local.providers.faults import Fault, Faults
from local.providers.llm import RealModel
from local.providers.stand_in_model import StandInModel
from local.providers.tickets import Tickets

FINGERPRINT = "stand-in: no model was called"
_FINISH_REASONS = {
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}


class ChatEndpoint:
    def __init__(self, model: StandInModel | RealModel, faults: Faults, tickets: Tickets) -> None:
        self._model = model
        self._faults = faults
        self._tickets = tickets

    def complete(self, request: Request) -> Answer:
        """`POST /v1/chat/completions`, with the next chat fault applied."""
        try:
            chat = chat_request(request.json_object())
        except ValueError as error:
            return _refusal(400, "invalid_request_error", str(error))
        return self._answer(chat)

    def complete_behind_bedrock(self, request: Request) -> Answer:
        """Answer MiniStack's Bedrock: a ticket when the gateway waits for this call, otherwise as `complete`."""
        try:
            chat = chat_request(request.json_object())
        except ValueError as error:
            return _refusal(400, "invalid_request_error", str(error))
        if ticket := self._tickets.issue(chat):
            return json_answer(self._whole(chat, ticket, Finish("end_turn", Usage(0, 0))))
        return self._answer(chat)

    def _answer(self, chat: ChatRequest) -> Answer:
        note = CallNote("chat", chat.model, chat.prompt)
        fault = next_chat_fault(self._faults, chat)
        if scripted := _scripted(fault):
            return replace(scripted, note=note)
        if isinstance(self._model, RealModel) and not (fault.truncate or fault.stop_reason):
            return replace(self._model.forward(chat), note=note)
        try:
            completion = self._model.complete(chat)
            if fault.stop_reason:
                completion = ending_with(fault.stop_reason, completion)
            if chat.stream:
                ending = Ending.CUT if fault.truncate else Ending.COMPLETE
                chunks = self._events(chat, completion, cut=fault.truncate)
                return Answer(headers={"Content-Type": "text/event-stream"}, chunks=chunks, ending=ending, note=note)
            return json_answer(self._whole(chat, *collected(completion)), note=note, cut=fault.truncate)
        except ModelFailureError as failure:
            return replace(_failure(failure.error, failure.message), note=note)

    def _whole(self, chat: ChatRequest, text: str, finish: Finish) -> dict[str, Any]:
        return {
            **self._envelope(chat, "chat.completion"),
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": _FINISH_REASONS.get(finish.stop_reason, "stop"),
                }
            ],
            "usage": _usage(finish.usage),
        }

    def _events(self, chat: ChatRequest, completion: Completion, *, cut: bool) -> Iterator[bytes]:
        envelope = self._envelope(chat, "chat.completion.chunk")
        if cut:
            text, _ = collected(completion)
            yield _event({**envelope, "choices": [_choice({"role": "assistant", "content": text[: len(text) // 2]})]})
            yield b'data: {"id":'
            return
        yield _event({**envelope, "choices": [_choice({"role": "assistant", "content": ""})]})
        for piece in completion:
            if isinstance(piece, Finish):
                reason = _FINISH_REASONS.get(piece.stop_reason, "stop")
                yield _event({**envelope, "choices": [_choice({}, reason)]})
                yield _event({**envelope, "choices": [], "usage": _usage(piece.usage)})
            else:
                yield _event({**envelope, "choices": [_choice({"content": piece})]})
        yield b"data: [DONE]\n\n"

    def _envelope(self, chat: ChatRequest, kind: str) -> dict[str, Any]:
        # A fixed "created", so that the same request gets the same bytes.
        envelope = {"id": _completion_id(chat), "object": kind, "created": 0, "model": chat.model}
        if self._model.stand_in:
            envelope |= {"system_fingerprint": FINGERPRINT, "promptmill_stand_in": True}
        return envelope


def _scripted(fault: Fault) -> Answer | None:
    """Answer as the script says, when it leaves nothing for the model to do."""
    if fault.disconnect:
        return SILENCE
    error, headers = scripted_error(fault), retry_after(fault.retry_after)
    if fault.body is not None:
        return Answer(error.status if error else 200, {**JSON_HEADERS, **headers}, fault.body.encode())
    return _failure(error, "scripted fault", headers) if error else None


def _completion_id(chat: ChatRequest) -> str:
    return f"chatcmpl-{sha256(json.dumps([chat.model, chat.texts]).encode()).hexdigest()[:24]}"


def _choice(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _event(content: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(content).encode() + b"\n\n"


def _failure(error: BedrockError, message: str, headers: dict[str, str] | None = None) -> Answer:
    return _refusal(error.status, error.name, message, headers)


def _refusal(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    return json_answer({"error": {"message": message, "type": kind, "param": None, "code": None}}, status, headers)
