"""Names that people give: one line of text."""

from __future__ import annotations

import unicodedata

from pydantic import AfterValidator, Field

# What ``_of_one_line`` allows, for who reads the OpenAPI document.
PATTERN = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"


def _of_one_line(text: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in text):
        raise ValueError("control characters and line breaks are not allowed")
    return text


OF_ONE_LINE = AfterValidator(_of_one_line)
IN_SCHEMA = Field(json_schema_extra={"pattern": PATTERN})
