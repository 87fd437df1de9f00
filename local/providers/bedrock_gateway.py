"""Bedrock Runtime's Converse and ConverseStream, in front of MiniStack.

MiniStack decides who may call (see `tickets.py` for how the call comes back); the gateway asks the model and writes
what Bedrock would write: JSON, event-stream frames sent as they come, errors with their class and status.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from local.providers.answers import SILENCE, Answer, Ending, Request, json_answer, retry_after
from local.providers.bedrock_errors import IN_STREAM, ModelFailureError
from local.providers.calls import CallNote
from local.providers.chat_faults import next_chat_fault, scripted_error
from local.providers.completion import ChatRequest, Completion, Finish, Model, Usage, collected, ending_with
from local.providers.event_stream import event_frame, exception_frame, read_events
from local.providers.faults import Fault, Faults
from local.providers.ministack_bedrock import MiniStackBedrock
from local.providers.tickets import Tickets, request_fingerprint

STREAM_TYPE = "application/vnd.amazon.eventstream"


_NOT_ASKED = ModelFailureError(
    "InternalServerException",
    "MiniStack made its reply up, it did not ask the chat endpoint: check MINISTACK_BEDROCK_PROXY_URL",
)
_BLANK = ModelFailureError("ValidationException", "The text field in a ContentBlock of the user message is blank.")


class BedrockGateway:
    def __init__(self, ministack: MiniStackBedrock, model: Model, faults: Faults, tickets: Tickets) -> None:
        self._ministack = ministack
        self._model = model
        self._faults = faults
        self._tickets = tickets

    def converse(self, request: Request) -> Answer:
        """`POST /model/{modelId}/converse`."""
        return self._call(request, stream=False)

    def converse_stream(self, request: Request) -> Answer:
        """`POST /model/{modelId}/converse-stream`."""
        return self._call(request, stream=True)

    def _call(self, request: Request, *, stream: bool) -> Answer:
        started = time.perf_counter()
        model_id = unquote(request.path.split("/")[2])
        content = _json_or_nothing(request)
        note = CallNote("chat", model_id, _newest_user_text(content))
        try:
            with self._tickets.expected(request_fingerprint(model_id, _signed_texts(content))):
                upstream = self._ministack.send(request)
            if upstream.status != 200:
                return Answer(upstream.status, upstream.headers, upstream.body, note=note)
            text, stop_reason = _reply_of(upstream, stream=stream)
            chat = self._tickets.redeem(text)
            if chat is None:
                if stop_reason == "guardrail_intervened":
                    return Answer(upstream.status, upstream.headers, upstream.body, note=note)
                return _wire_error(_NOT_ASKED if note.prompt.strip() else _BLANK, note)
            return self._answer(chat, note, started, stream=stream)
        except ModelFailureError as failure:
            return _wire_error(failure, note)

    def _answer(self, chat: ChatRequest, note: CallNote, started: float, *, stream: bool) -> Answer:
        fault = next_chat_fault(self._faults, chat)
        if scripted := _scripted(fault, note, stream=stream):
            return scripted
        completion = self._model.complete(chat)
        if fault.stop_reason:
            completion = ending_with(fault.stop_reason, completion)
        if stream:
            return Answer(
                headers={"Content-Type": STREAM_TYPE, "x-amzn-RequestId": str(uuid4())},
                chunks=_faulty(fault, self._frames(_paced(completion, fault.pause_ms), started)),
                ending=Ending.CUT if fault.truncate else Ending.COMPLETE,
                note=note,
            )
        return self._whole(completion, note, started, cut=fault.truncate)

    def _whole(self, completion: Completion, note: CallNote, started: float, *, cut: bool) -> Answer:
        text, finish = collected(completion)
        content = {
            "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
            "stopReason": finish.stop_reason,
            "usage": _usage(finish.usage),
            "metrics": {"latencyMs": _milliseconds_since(started)},
            **self._mark(),
        }
        headers = {
            "x-amzn-RequestId": str(uuid4()),
            "x-amzn-bedrock-input-token-count": str(finish.usage.input_tokens),
            "x-amzn-bedrock-output-token-count": str(finish.usage.output_tokens),
        }
        return json_answer(content, 200, headers, note, cut=cut)

    def _frames(self, completion: Completion, started: float) -> Iterator[bytes]:
        yield event_frame("messageStart", {"role": "assistant"})
        try:
            for piece in completion:
                if isinstance(piece, Finish):
                    yield event_frame("contentBlockStop", {"contentBlockIndex": 0})
                    yield event_frame("messageStop", {"stopReason": piece.stop_reason, **self._mark()})
                    latency = {"latencyMs": _milliseconds_since(started)}
                    yield event_frame("metadata", {"usage": _usage(piece.usage), "metrics": latency})
                else:
                    yield event_frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}})
        except ModelFailureError as failure:
            name = failure.error.name[0].lower() + failure.error.name[1:]
            yield exception_frame(
                name if name in IN_STREAM else "modelStreamErrorException", {"message": failure.message}
            )

    def _mark(self) -> dict[str, Any]:
        # The place Bedrock gives a model's own fields; the text itself stays the product's result.
        return {"additionalModelResponseFields": {"promptmill_stand_in": True}} if self._model.stand_in else {}


def _scripted(fault: Fault, note: CallNote, *, stream: bool) -> Answer | None:
    """Answer as the script says, when it leaves nothing for the model to do."""
    if fault.disconnect:
        return replace(SILENCE, note=note)
    error, headers = scripted_error(fault), retry_after(fault.retry_after)
    if fault.body is not None:
        content_type = "application/json" if error or not stream else STREAM_TYPE
        status = error.status if error else 200
        return Answer(status, {"Content-Type": content_type, **headers}, fault.body.encode(), note=note)
    if error and not (stream and fault.error in IN_STREAM):
        return _wire_error(ModelFailureError(error.name, "scripted fault"), note, headers)
    return None


def _paced(completion: Completion, pause_ms: int) -> Completion:
    for piece in completion:
        if pause_ms and not isinstance(piece, Finish):
            time.sleep(pause_ms / 1000)
        yield piece


def _faulty(fault: Fault, frames: Iterator[bytes]) -> Iterator[bytes]:
    """Pass the frames on; with a fault, only the first half of the deltas and then the exception, or half a frame."""
    if not (fault.truncate or fault.error):
        yield from frames
        return
    start, *rest = frames
    deltas = len(rest) - 3  # contentBlockStop, messageStop and metadata follow them
    kept = min(max(1, deltas // 2), len(rest) - 1)
    yield start
    yield from rest[:kept]
    if fault.error:
        yield exception_frame(fault.error, {"message": "scripted fault"})
    else:
        yield rest[kept][: len(rest[kept]) // 2]


def _wire_error(failure: ModelFailureError, note: CallNote, headers: Mapping[str, str] | None = None) -> Answer:
    wire = {"x-amzn-ErrorType": failure.error.name, "x-amzn-RequestId": str(uuid4()), **(headers or {})}
    return json_answer({"message": failure.message}, failure.error.status, wire, note)


def _reply_of(upstream: Answer, *, stream: bool) -> tuple[str, str]:
    """Text and stop reason of MiniStack's answer."""
    try:
        if not stream:
            content = json.loads(upstream.body)
            return content["output"]["message"]["content"][0].get("text", ""), content["stopReason"]
        events = read_events(upstream.body)
        text = "".join(payload["delta"].get("text", "") for name, payload in events if name == "contentBlockDelta")
        return text, next(payload["stopReason"] for name, payload in events if name == "messageStop")
    except (ValueError, LookupError, TypeError, AttributeError, StopIteration):
        raise ModelFailureError("InternalServerException", "MiniStack's answer is not a Converse answer") from None


def _json_or_nothing(request: Request) -> dict[str, Any]:
    """Parse the body; what is wrong with it is MiniStack's to say, after it has checked the signature."""
    try:
        return request.json_object()
    except ValueError:
        return {}


def _signed_texts(content: Mapping[str, Any]) -> list[str]:
    system = [text for block in _objects(content.get("system")) if (text := _text(block)) is not None]
    users = (m for m in _objects(content.get("messages")) if m.get("role", "user") == "user")
    return system + [text for message in users if (text := _joined_text(message)) is not None]


def _newest_user_text(content: Mapping[str, Any]) -> str:
    users = [m for m in _objects(content.get("messages")) if m.get("role", "user") == "user"]
    return (_joined_text(users[-1]) or "") if users else ""


def _joined_text(message: Mapping[str, Any]) -> str | None:
    parts = [text for block in _objects(message.get("content")) if (text := _text(block)) is not None]
    return "\n".join(parts) if parts else None


def _text(block: Mapping[str, Any]) -> str | None:
    text = block.get("text")
    return text if isinstance(text, str) else None


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _usage(usage: Usage) -> dict[str, int]:
    total = usage.input_tokens + usage.output_tokens
    return {"inputTokens": usage.input_tokens, "outputTokens": usage.output_tokens, "totalTokens": total}


def _milliseconds_since(started: float) -> int:
    return max(1, round((time.perf_counter() - started) * 1000))
