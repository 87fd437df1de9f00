from __future__ import annotations

import contextlib
import struct
import zlib
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.providers.image_format import ImageFormat, read_format
from tests.unit.providers.builders import a_picture

Kind = Literal["PNG", "JPEG"]
KINDS: tuple[Kind, ...] = ("PNG", "JPEG")


@pytest.mark.parametrize(("width", "height"), [(64, 32), (1, 1), (300, 7)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_picture_has_its_format_and_size(kind: Kind, width: int, height: int) -> None:
    assert read_format(a_picture(width, height, kind)) == ImageFormat(f"image/{kind.lower()}", width, height)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_cut_short_anywhere_is_refused(kind: Kind) -> None:
    content = a_picture(16, 16, kind)
    for end in range(len(content)):
        with pytest.raises(ValueError, match=r"cut short|neither|no pixels"):
            read_format(content[:end])


def test_a_png_with_any_byte_damaged_is_refused() -> None:
    content = a_picture(16, 16)
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 0x10
        with pytest.raises(ValueError, match="PNG"):
            read_format(bytes(damaged))


def chunk(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0))
PIXELS = chunk(b"IDAT", zlib.compress(bytes(20)))
END = chunk(b"IEND")


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param((HEADER, END), id="no pixels"),
        pytest.param((PIXELS, END), id="no header"),
        pytest.param((HEADER, HEADER, PIXELS, END), id="two headers"),
        pytest.param((PIXELS, HEADER, END), id="header too late"),
        pytest.param((END,), id="only an end"),
        pytest.param((HEADER, PIXELS, END, b"more"), id="bytes after the end"),
        pytest.param((chunk(b"IHDR", bytes(12)), PIXELS, END), id="short header"),
        pytest.param((chunk(b"IHDR", bytes(13)), PIXELS, END), id="no size"),
        pytest.param((HEADER, struct.pack(">I4s", 2**31, b"IDAT") + bytes(99)), id="a chunk longer than the file"),
    ],
)
def test_a_png_of_another_structure_is_refused(chunks: tuple[bytes, ...]) -> None:
    assert read_format(SIGNATURE + HEADER + PIXELS + END)
    with pytest.raises(ValueError, match=r"PNG|size"):
        read_format(SIGNATURE + b"".join(chunks))


@pytest.mark.parametrize(
    "content",
    [b"\xff\xd8\xff\xd9", b"\xff\xd8\xff\xe0\x00\x00\xff\xd9", b"\xff\xd8\xff\xda\x00\x02\xff\xd9", b"GIF89a", b""],
)
def test_what_only_begins_like_a_picture_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="JPEG"):
        read_format(content)


@given(
    st.sampled_from([b"", SIGNATURE, SIGNATURE + HEADER, b"\xff\xd8\xff"]),
    st.binary(),
    st.sampled_from([b"", b"\xff\xd9"]),
)
def test_no_bytes_raise_anything_else(start: bytes, middle: bytes, end: bytes) -> None:
    with contextlib.suppress(ValueError):
        read_format(start + middle + end)
