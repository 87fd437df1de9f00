"""Bedrock's side of the wire: the frames of an answer, and a real botocore client to read them with."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.config import Config

from local.providers.event_stream import event_frame
from promptmill.errors import PromptmillError
from promptmill.providers.interface import Usage
from tests.support.loopback import chunked_head
from tests.unit.providers.builders import a_text_model, a_text_request

if TYPE_CHECKING:
    from promptmill.providers.bedrock import BedrockProvider
    from promptmill.providers.interface import Answer

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


def a_bedrock_client(url: str, *, read_timeout_seconds: float = 5) -> Any:
    session = botocore.session.Session()
    session.set_credentials("AKIAEXAMPLE", "secret-canary")
    config = Config(
        connect_timeout=2, read_timeout=read_timeout_seconds, retries={"mode": "standard", "total_max_attempts": 1}
    )
    return session.create_client("bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=config)


def ask(provider: BedrockProvider, *texts: str) -> Answer:
    return provider.generate(a_text_model(), a_text_request(*texts))


def failing(provider: BedrockProvider) -> PromptmillError:
    """The error of a call that must fail; none of the provider's text is in it."""
    with pytest.raises(PromptmillError) as caught:
        ask(provider)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caught.value.detail
    assert CANARY not in shown
    return caught.value
