from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from local.providers.event_stream import event_frame, exception_frame, read_events


def test_botocore_reads_the_frames() -> None:
    frames = EventStreamBuffer()
    frames.add_data(event_frame("messageStart", {"role": "assistant"}) + exception_frame("throttlingException", {}))
    messages: list[Any] = list(frames)
    first, second = messages
    assert first.headers == {
        ":event-type": "messageStart",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    assert first.payload == b'{"role":"assistant"}'
    assert second.headers[":exception-type"] == "throttlingException"
    assert second.headers[":message-type"] == "exception"


def test_what_was_written_is_read_back() -> None:
    stream = event_frame("a", {"text": "Grüße 👋"}) + event_frame("b", {"n": 1})
    assert read_events(stream) == [("a", {"text": "Grüße 👋"}), ("b", {"n": 1})]


def test_a_damaged_frame_is_noticed() -> None:
    frame = bytearray(event_frame("a", {"text": "hello"}))
    frame[-8] ^= 1
    with pytest.raises(ValueError, match=r"[Cc]hecksum"):
        read_events(bytes(frame))
