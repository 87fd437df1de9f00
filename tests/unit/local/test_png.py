from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from local.png import size_of


def a_png(width: int = 64, height: int = 32, form: str = "PNG") -> bytes:
    content = BytesIO()
    Image.new("RGB", (width, height), (10, 20, 30)).save(content, form)
    return content.getvalue()


def test_the_size_is_the_one_in_the_header() -> None:
    assert size_of(a_png(768, 512)) == (768, 512)


def test_another_format_is_not_a_png() -> None:
    with pytest.raises(ValueError, match="not a PNG"):
        size_of(a_png(form="JPEG"))


@pytest.mark.parametrize("lost", [1, 8, 12, 20])
def test_a_png_that_lacks_its_end_is_refused(lost: int) -> None:
    with pytest.raises(ValueError, match="PNG"):
        size_of(a_png()[:-lost])


def test_a_changed_byte_is_found() -> None:
    content = bytearray(a_png())
    content[50] ^= 1
    with pytest.raises(ValueError, match="damaged"):
        size_of(bytes(content))
