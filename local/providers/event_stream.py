"""Frames of `application/vnd.amazon.eventstream`.

Layout: total length, header length, CRC32 of those two, headers, payload, CRC32 of everything before it; all
integers are big-endian and every header here is a string (type 7).
https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html
"""

import json
import struct
from collections.abc import Mapping
from typing import Any
from zlib import crc32

from botocore.eventstream import EventStreamBuffer, ParserError

_STRING = 7


def event_frame(event_type: str, payload: Mapping[str, Any]) -> bytes:
    return _frame({":event-type": event_type, ":content-type": "application/json", ":message-type": "event"}, payload)


def exception_frame(exception_type: str, payload: Mapping[str, Any]) -> bytes:
    return _frame(
        {":exception-type": exception_type, ":content-type": "application/json", ":message-type": "exception"},
        payload,
    )


def read_events(stream: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Read the (event type, payload) pairs of a whole stream.

    Raises:
        ValueError: the stream is cut, its checksums do not match, or a payload is not JSON.

    """
    frames = EventStreamBuffer()
    frames.add_data(stream)
    try:
        return [(_event_type(frame.headers), json.loads(frame.payload)) for frame in frames]
    except ParserError as error:
        raise ValueError(str(error)) from error


def _event_type(headers: object) -> str:
    return str(headers.get(":event-type")) if isinstance(headers, dict) else ""


def _frame(headers: Mapping[str, str], payload: Mapping[str, Any]) -> bytes:
    packed_headers = b"".join(_header(name, value) for name, value in headers.items())
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    prelude = struct.pack(">II", 16 + len(packed_headers) + len(body), len(packed_headers))
    head = prelude + struct.pack(">I", crc32(prelude)) + packed_headers + body
    return head + struct.pack(">I", crc32(head))


def _header(name: str, value: str) -> bytes:
    raw_name, raw_value = name.encode(), value.encode()
    return struct.pack(">B", len(raw_name)) + raw_name + struct.pack(">BH", _STRING, len(raw_value)) + raw_value
