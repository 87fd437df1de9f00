"""Whether bytes are a whole PNG or JPEG, and its size, read from the structure without decoding a pixel."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
_IHDR_BYTES = 13
_CHUNK_FRAME_BYTES = 12
# SOF0-SOF15 without DHT (C4), JPG (C8) and DAC (CC): ITU T.81, table B.1.
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_START_OF_SCAN = 0xDA
_TEMPORARY = 0x01
_RESTARTS = range(0xD0, 0xD8)
_FILL = 0xFF


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """``width`` and ``height`` in pixels."""

    content_type: str
    width: int
    height: int


def read_format(content: bytes) -> ImageFormat:
    """The format of a whole picture. Raises ``ValueError`` for another format, and for one cut short or damaged."""
    if content.startswith(_PNG):
        width, height = _png_size(content)
        content_type = "image/png"
    elif content.startswith(_JPEG):
        width, height = _jpeg_size(content)
        content_type = "image/jpeg"
    else:
        raise ValueError("neither PNG nor JPEG")
    if not (width and height):
        raise ValueError("the picture has no size")
    return ImageFormat(content_type, width, height)


def _png_size(content: bytes) -> tuple[int, int]:
    """Walks every chunk and checks its CRC (https://www.w3.org/TR/png-3/#5DataRep): IHDR, some IDAT, IEND, no more."""
    at = len(_PNG)
    size: tuple[int, int] | None = None
    has_pixels = False
    while at + _CHUNK_FRAME_BYTES <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        end = at + _CHUNK_FRAME_BYTES + length
        if end > len(content):
            break
        if zlib.crc32(memoryview(content)[at + 4 : end - 4]) != struct.unpack_from(">I", content, end - 4)[0]:
            raise ValueError("a PNG chunk is damaged")
        if (kind == b"IHDR") is not (size is None):
            raise ValueError("a PNG begins with one IHDR")
        if kind == b"IHDR":
            if length != _IHDR_BYTES:
                raise ValueError("the PNG header is damaged")
            size = struct.unpack_from(">II", content, at + 8)
        has_pixels = has_pixels or kind == b"IDAT"
        if kind == b"IEND":
            if size is None or not has_pixels or end != len(content):
                raise ValueError("the PNG has no pixels, or bytes after its end")
            return size
        at = end
    raise ValueError("the PNG is cut short")


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Walks the segments to the first scan (ITU T.81, annex B); a whole picture ends with EOI."""
    if not content.endswith(_JPEG_END):
        raise ValueError("the JPEG is cut short")
    at = 2
    size: tuple[int, int] | None = None
    try:
        while True:
            if content[at] != _FILL:
                raise ValueError("the JPEG is damaged")
            while content[at] == _FILL:
                at += 1
            marker = content[at]
            at += 1
            if marker == _TEMPORARY or marker in _RESTARTS:
                continue
            (length,) = struct.unpack_from(">H", content, at)
            if marker in _START_OF_FRAME:
                height, width = struct.unpack_from(">HH", content, at + 3)
                size = (width, height)
            if marker == _START_OF_SCAN:
                break
            at += length
    except (IndexError, struct.error) as error:
        raise ValueError("the JPEG is cut short") from error
    if size is None:
        raise ValueError("the JPEG has no frame before its scan")
    return size
