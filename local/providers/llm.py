"""A real OpenAI-compatible endpoint (Ollama, vLLM, llama.cpp ...) in the place of the stand-in model."""

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from local.providers.answers import Answer, json_answer
from local.providers.bedrock_errors import BY_STATUS, ModelFailureError
from local.providers.completion import ChatRequest, Completion, Finish, Usage, completion_of, estimate_tokens

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "content_filtered",
    "tool_calls": "tool_use",
}
_PASSED_HEADERS = ("content-type", "retry-after")


@dataclass(frozen=True, slots=True)
class RealModel:
    """Calls `<base_url>/v1/chat/completions` (a base that already ends in `/v1` is fine), over HTTP or HTTPS.

    `model` replaces the model id of every request; without it the id is passed on as it came.
    """

    base_url: str
    model: str | None = None
    timeout_seconds: float = 120.0
    stand_in: bool = False

    def complete(self, request: ChatRequest) -> Completion:
        response = self._post({**request.body, "stream": True, "stream_options": {"include_usage": True}})
        if response.status != 200:
            response.close()
            known = BY_STATUS.get(response.status)
            name = known.name if known else "ModelErrorException"
            raise ModelFailureError(name, f"the chat endpoint answered {response.status}")
        if "text/event-stream" in response.headers.get("Content-Type", ""):
            return _read_stream(response, request)
        return _read_whole(response, request)

    def forward(self, request: ChatRequest) -> Answer:
        """Pass on the endpoint's own answer, streamed as it arrives when the request asks for a stream."""
        try:
            response = self._post(request.body)
            headers = {name.title(): value for name in _PASSED_HEADERS if (value := response.headers.get(name))}
            if request.stream:
                return Answer(status=response.status, headers=headers, chunks=_blocks(response))
            return Answer(status=response.status, headers=headers, body=_read_all(response))
        except ModelFailureError as failure:
            return json_answer(
                {"error": {"message": failure.message, "type": failure.error.name}}, failure.error.status
            )

    def _post(self, body: Mapping[str, Any]) -> http.client.HTTPResponse:
        base = urlsplit(self.base_url.rstrip("/").removesuffix("/v1"))
        secure = base.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = connect(base.hostname or "", base.port, timeout=self.timeout_seconds)
        content = json.dumps({**body, "model": self.model or body["model"]})
        headers = {"Content-Type": "application/json", "Connection": "close"}
        try:
            connection.request("POST", f"{base.path}/v1/chat/completions", content, headers)
            return connection.getresponse()
        except TimeoutError:
            connection.close()
            raise ModelFailureError("ModelTimeoutException", "the chat endpoint did not answer in time") from None
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ModelFailureError(
                "ServiceUnavailableException", f"the chat endpoint is unreachable: {type(error).__name__}"
            ) from None


def _blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    with response:
        while block := response.read1():
            yield block


def _read_all(response: http.client.HTTPResponse) -> bytes:
    with response:
        try:
            return response.read()
        except (OSError, http.client.HTTPException):
            raise ModelFailureError("ModelErrorException", "the chat endpoint's answer broke off") from None


def _read_whole(response: http.client.HTTPResponse, request: ChatRequest) -> Completion:
    body = _read_all(response)
    try:
        content = json.loads(body)
        choice = content["choices"][0]
        text = str(choice["message"]["content"] or "")
    except (ValueError, LookupError, TypeError):
        raise ModelFailureError("ModelErrorException", "the chat endpoint's answer is not a completion") from None
    *pieces, finish = completion_of(text, input_tokens=request.input_tokens, max_tokens=None)
    assert isinstance(finish, Finish)  # nosec B101 # for mypy
    reason = _STOP_REASONS.get(str(choice.get("finish_reason")), "end_turn")
    return iter([*pieces, Finish(reason, _usage(content.get("usage")) or finish.usage)])


def _read_stream(response: http.client.HTTPResponse, request: ChatRequest) -> Completion:
    characters, reason, usage = 0, None, None
    with response:
        try:
            for line in response:
                if not line.startswith(b"data:") or line[5:].strip() == b"[DONE]":
                    continue
                event = json.loads(line[5:])
                usage = _usage(event.get("usage")) or usage
                for choice in event.get("choices") or ():
                    reason = choice.get("finish_reason") or reason
                    if piece := (choice.get("delta") or {}).get("content"):
                        characters += len(piece)
                        yield piece
        except (ValueError, AttributeError, TypeError, OSError, http.client.HTTPException):
            raise ModelFailureError("ModelStreamErrorException", "the chat endpoint's stream broke off") from None
    if reason is None:
        raise ModelFailureError("ModelStreamErrorException", "the chat endpoint's stream ended without a finish reason")
    estimate = Usage(request.input_tokens, estimate_tokens("x" * characters))
    yield Finish(_STOP_REASONS.get(reason, "end_turn"), usage or estimate)


def _usage(usage: object) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return Usage(prompt, completion) if isinstance(prompt, int) and isinstance(completion, int) else None
