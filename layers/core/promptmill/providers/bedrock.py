"""Text from Amazon Bedrock: one ConverseStream call per attempt.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
"""

from __future__ import annotations

import contextlib
import math
from functools import partial
from typing import TYPE_CHECKING, Any

from promptmill.clock import monotonic_ms
from promptmill.deadline import Deadline, hang_up, shorter_seconds
from promptmill.errors import (
    BrokenContractError,
    ContentBlocked,
    PromptmillError,
    ProviderAnswerBroken,
    ProviderStreamBroken,
    ProviderTimeout,
)
from promptmill.gateway import aws_client
from promptmill.prompting.model import TextRequest
from promptmill.providers.bedrock_errors import call_failed, call_failures, stream_failed, stream_failures
from promptmill.providers.cost import estimate_tokens, output_limit
from promptmill.providers.failures import failure
from promptmill.providers.interface import ATTEMPT_SECONDS, Answer, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptmill.providers.catalog import Model
    from promptmill.providers.interface import ProviderRequest

_COMPLETE = frozenset({"end_turn", "stop_sequence"})
_TRUNCATED = frozenset({"max_tokens", "model_context_window_exceeded"})
_BLOCKED = frozenset({"guardrail_intervened", "content_filtered"})


class BedrockProvider:
    """``client`` is a botocore ``bedrock-runtime`` client without retries; None: this process's own.

    Raises the errors of ``bedrock_errors``, and for an answer that came whole: ``ContentBlocked`` when a filter stopped
    it, ``ProviderAnswerBroken`` when it is empty or not text. Once the stream has begun, an error carries what was used
    (``failures.billed_usage``). Text that was passed to ``on_text`` before an error is not an answer.
    """

    def __init__(
        self,
        client: Any = None,
        *,
        deadline_seconds: float = ATTEMPT_SECONDS,
        clock: Callable[[], int] = monotonic_ms,
    ) -> None:
        self._client = client
        self._deadline_seconds = deadline_seconds
        self._clock = clock

    def generate(
        self,
        model: Model,
        request: ProviderRequest,
        *,
        on_text: Callable[[str], None] | None = None,
        within_seconds: float | None = None,
    ) -> Answer:
        """One attempt, over within ``deadline_seconds`` or ``within_seconds``, whichever is less.

        The time to connect, at most 3 s, and the rest of a second may come on top.
        """
        if not isinstance(request, TextRequest):
            raise BrokenContractError("Bedrock is asked for text only")
        seconds = shorter_seconds(self._deadline_seconds, within_seconds)
        deadline = Deadline(seconds, self._clock)
        response = self._open(model, request, seconds)
        stream = response["stream"]
        reply = _Reply(request)
        try:
            with deadline.cutting(partial(_cut, stream)):
                for event in _events(stream, reply, deadline):
                    text = reply.take(event)
                    if text and on_text is not None:
                        on_text(text)
        finally:
            _close(stream)
        return reply.answer(response.get("ResponseMetadata", {}).get("RequestId"))

    def _open(self, model: Model, request: TextRequest, seconds: float) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "modelId": model.model_id,
            "messages": [{"role": message.role, "content": [{"text": message.text}]} for message in request.messages],
            # Unset, the model's maximum is reserved against the account's quota.
            "inferenceConfig": {"maxTokens": output_limit(model, request), "temperature": request.temperature},
        }
        if request.system:
            arguments["system"] = [{"text": request.system}]
        # Not chained: botocore quotes the answer, and the answer may quote the prompt.
        try:
            client = self._client
            if client is None:
                # A read timeout belongs to its client; in whole seconds there are few of them.
                client = aws_client("bedrock-runtime", read_timeout_seconds=max(1, math.ceil(seconds)), attempts=1)
            opened: dict[str, Any] = client.converse_stream(**arguments)
        except call_failures() as error:
            raise call_failed(error) from None
        return opened


class _Reply:
    """What has arrived of an answer."""

    def __init__(self, request: TextRequest) -> None:
        self._request = request
        self._pieces: list[str] = []
        self._usage: Usage | None = None
        self._stop_reason: str | None = None

    @property
    def stopped(self) -> bool:
        """Whether the model said that its answer is whole; only the usage may still be missing."""
        return self._stop_reason is not None

    def take(self, event: dict[str, Any]) -> str:
        """Takes one stream event; the text in it, if any."""
        if "contentBlockDelta" in event:
            text = str(_part(_part(event, "contentBlockDelta"), "delta").get("text") or "")
            self._pieces.append(text)
            return text
        if "messageStop" in event:
            self._stop_reason = str(_part(event, "messageStop").get("stopReason"))
        if "metadata" in event:
            used = _part(_part(event, "metadata"), "usage")
            counts = (used.get("inputTokens"), used.get("outputTokens"))
            if all(isinstance(count, int) and count >= 0 for count in counts):
                self._usage = Usage(input_tokens=used["inputTokens"], output_tokens=used["outputTokens"])
        return ""

    def usage(self) -> Usage:
        """As the provider counted, or an estimate while it has not said."""
        if self._usage is not None:
            return self._usage
        texts = [self._request.system, *(message.text for message in self._request.messages)]
        return Usage(
            input_tokens=sum(map(estimate_tokens, texts)),
            output_tokens=estimate_tokens("".join(self._pieces)),
            estimated=True,
        )

    def answer(self, request_id: str | None) -> Answer:
        reason = self._stop_reason
        if reason in _BLOCKED:
            raise failure(ContentBlocked, f"bedrock: stopped by {reason}", usage=self.usage())
        if reason not in _COMPLETE | _TRUNCATED:
            raise failure(ProviderAnswerBroken, "bedrock: stopped for a reason we do not ask for", usage=self.usage())
        text = "".join(self._pieces)
        if not text.strip():
            raise failure(ProviderAnswerBroken, f"bedrock: no text, stopped by {reason}", usage=self.usage())
        return Answer(usage=self.usage(), text=text, truncated=reason in _TRUNCATED, provider_request_id=request_id)


def _part(of: dict[str, Any], name: str) -> dict[str, Any]:
    """A member of an event; botocore passes on what is null or missing on the wire."""
    part = of.get(name)
    return part if isinstance(part, dict) else {}


def _events(stream: Any, reply: _Reply, deadline: Deadline) -> Iterator[dict[str, Any]]:
    """The events of a stream until it ends.

    A stream that breaks after the model stopped ends there: the answer is whole. Only what reading raises is
    translated, so an error of ``on_text`` stays what it is.
    """
    iterator = iter(stream)
    while True:
        problem: PromptmillError | None = None
        event = None
        try:
            event = next(iterator, None)
        except stream_failures() as error:
            problem = stream_failed(error, reply.usage())
        late = deadline.passed()
        if event is not None and (reply.stopped or not late):
            yield event
        elif reply.stopped:
            return
        elif late:
            raise failure(ProviderTimeout, "bedrock: the stream passed the deadline", usage=reply.usage())
        else:
            raise problem or failure(
                ProviderStreamBroken, "bedrock: the stream ended before the answer", usage=reply.usage()
            )


def _cut(stream: Any) -> None:
    """Ends a read that is under way in another thread. ``EventStream.close`` would wait for that read.

    urllib3 has ``shutdown`` for this since 2.3; botocore gives no way to it but the stream's private member.
    """
    raw = getattr(stream, "_raw_stream", None)
    shutdown = getattr(raw, "shutdown", None)
    sock = getattr(getattr(raw, "_connection", None), "sock", None)
    if shutdown is not None:
        # It may find that the read has ended by itself.
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            shutdown()
    elif sock is not None:
        hang_up(sock)


def _close(stream: Any) -> None:
    close = getattr(stream, "close", None)
    if close is not None:
        close()
