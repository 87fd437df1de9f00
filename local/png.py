"""Reads what a PNG says of itself: https://www.w3.org/TR/png-3/#5DataRep."""

from __future__ import annotations

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def size_of(content: bytes) -> tuple[int, int]:
    """Width and height. Raises ``ValueError`` unless every chunk is whole, from the header to the end."""
    if not content.startswith(SIGNATURE):
        raise ValueError("not a PNG")
    kinds, size, position = [], (0, 0), len(SIGNATURE)
    while position < len(content):
        if len(content) < position + 12:
            raise ValueError("the PNG is cut short")
        (length,) = struct.unpack_from(">I", content, position)
        kind, body = content[position + 4 : position + 8], content[position + 8 : position + 8 + length]
        checksum = content[position + 8 + length : position + 12 + length]
        if checksum != struct.pack(">I", zlib.crc32(kind + body)):
            raise ValueError(f"the PNG's {kind!r} chunk is damaged")
        if kind == b"IHDR":
            size = struct.unpack_from(">II", body)
        kinds.append(kind)
        position += 12 + length
    if kinds[:1] != [b"IHDR"] or kinds[-1:] != [b"IEND"] or b"IDAT" not in kinds:
        raise ValueError("the PNG is cut short")
    return size
