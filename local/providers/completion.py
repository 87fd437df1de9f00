"""One chat request and its completion, apart from the wire format on either side."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

WORDS_PER_PIECE = 12
CHARACTERS_PER_TOKEN = 4
BLOCKED_MESSAGE = "Sorry, the model cannot answer this question."
STOP_REASONS = frozenset(
    {
        "end_turn",
        "tool_use",
        "max_tokens",
        "stop_sequence",
        "guardrail_intervened",
        "content_filtered",
        "malformed_model_output",
        "malformed_tool_use",
        "model_context_window_exceeded",
    }
)


@dataclass(frozen=True, slots=True)
class Usage:
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Finish:
    """The last element of a completion. `stop_reason` is Bedrock's word for it."""

    stop_reason: str
    usage: Usage


Completion = Iterator[str | Finish]
"""Pieces of text in order, then one Finish."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    model: str
    texts: tuple[tuple[str, str], ...]
    """(role, text) of every message that has text, oldest first."""
    max_tokens: int | None
    stream: bool
    body: Mapping[str, Any]
    """The request as it was sent."""

    @property
    def prompt(self) -> str:
        """The text of the newest user message that is not blank."""
        return next(text for role, text in reversed(self.texts) if role == "user" and text.strip())

    @property
    def input_tokens(self) -> int:
        return estimate_tokens("".join(text for _, text in self.texts))


class Model(Protocol):
    @property
    def stand_in(self) -> bool: ...

    def complete(self, request: ChatRequest) -> Completion:
        """Begin a completion.

        Raises:
            ModelFailureError: here, when it cannot begin; from the iterator, when it breaks off later.

        """


def chat_request(body: Mapping[str, Any]) -> ChatRequest:
    """Read an OpenAI chat-completions body; a part list counts as its text parts.

    Raises:
        ValueError: naming the field that is missing or of the wrong type.

    """
    model, messages, max_tokens = body.get("model"), body.get("messages"), body.get("max_tokens")
    if not isinstance(model, str) or not model:
        raise ValueError("model must be a non-empty string")
    if not isinstance(messages, list) or not messages:
        raise ValueError("messages must be a non-empty array")
    if max_tokens is not None and (not isinstance(max_tokens, int) or isinstance(max_tokens, bool) or max_tokens < 1):
        raise ValueError("max_tokens must be a positive integer")
    texts = []
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise ValueError(f"messages[{index}].role must be a string")  # noqa: TRY004 - one error for a bad body
        if (
            message["role"] in {"system", "user", "assistant"}
            and (text := _text_of(message.get("content"))) is not None
        ):
            texts.append((message["role"], text))
    if not any(role == "user" and text.strip() for role, text in texts):
        raise ValueError("messages must contain a user message with text")
    return ChatRequest(model, tuple(texts), max_tokens, body.get("stream") is True, body)


def _text_of(content: object) -> str | None:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
        return "\n".join(parts) if parts else None
    return None


def estimate_tokens(text: str) -> int:
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def in_pieces(text: str) -> Iterator[str]:
    """Cut into pieces of 12 words, nothing lost; a word counts again every 24 characters (scripts without spaces)."""
    words = re.findall(r"\s*\S{1,24}", text)
    words.append(text[sum(map(len, words)) :])
    for start in range(0, len(words), WORDS_PER_PIECE):
        if piece := "".join(words[start : start + WORDS_PER_PIECE]):
            yield piece


def completion_of(text: str, *, input_tokens: int, max_tokens: int | None) -> Completion:
    """Complete with a text known in full, cut to `max_tokens` with the stop reason a model would then give."""
    stop_reason = "end_turn"
    if max_tokens is not None and estimate_tokens(text) > max_tokens:
        text, stop_reason = text[: max_tokens * CHARACTERS_PER_TOKEN], "max_tokens"
    yield from in_pieces(text)
    yield Finish(stop_reason, Usage(input_tokens, estimate_tokens(text)))


def ending_with(stop_reason: str, completion: Completion) -> Completion:
    """Let the completion stop for another reason, with the text that reason leaves of it.

    `max_tokens` keeps the first half; guardrail_intervened and content_filtered leave Bedrock's message instead.
    """
    text, finish = collected(completion)
    if stop_reason == "max_tokens":
        text = text[: max(1, len(text) // 2)]
    elif stop_reason in {"guardrail_intervened", "content_filtered"}:
        text = BLOCKED_MESSAGE
    yield from in_pieces(text)
    yield Finish(stop_reason, Usage(finish.usage.input_tokens, estimate_tokens(text)))


def collected(completion: Iterable[str | Finish]) -> tuple[str, Finish]:
    texts: list[str] = []
    for piece in completion:
        if isinstance(piece, Finish):
            return "".join(texts), piece
        texts.append(piece)
    raise AssertionError("a completion ends with a Finish")  # pragma: no cover - a bug in a Model
