"""The limits of every field, as the contract has them, at the edge and one past it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptmill import errors
from promptmill.http.body import read_body
from promptmill.http.openapi import openapi_document
from promptmill.jobs.requests import GeneratePrompt, JobRequest
from tests.support.builders import PROMPT

BASES: dict[str, dict[str, Any]] = {
    "enhance": {"kind": "enhance", "prompt": PROMPT},
    "image": {"kind": "image", "prompt": "a red fox"},
    "generate": {"prompt": PROMPT},
}


def is_accepted(base: str, **fields: Any) -> bool:
    """Whether the body with these fields is."""
    model = GeneratePrompt if base == "generate" else JobRequest
    try:
        read_body({"content-type": "application/json"}, json.dumps({**BASES[base], **fields}), model)
    except errors.InvalidInput as error:
        named = {pointer.split("/")[1] for pointer, _ in error.errors}
        if not named <= set(fields):
            pytest.fail(f"refused for {named}, which is not what was changed")
        return False
    return True


TEXTS = [
    ("enhance", "prompt", 10, 2000),
    ("generate", "prompt", 10, 2000),
    ("image", "prompt", 3, 2000),
    ("image", "style", 1, 100),
    ("image", "negative_prompt", 1, 1000),
]


@pytest.mark.parametrize("character", ["x", "é", "\U0001f98a", "\n.", "\u200b"])
@pytest.mark.parametrize(("base", "field", "least", "most"), TEXTS)
def test_texts_are_counted_in_characters(base: str, field: str, least: int, most: int, character: str) -> None:
    def of(length: int) -> str:
        # A dot at both ends, where spaces would be cut off.
        return "." if length == 1 else "." + (character * length)[: length - 2] + "."

    assert is_accepted(base, **{field: of(least)})
    assert is_accepted(base, **{field: of(most)})
    assert not is_accepted(base, **{field: of(least)[:-1]})
    assert not is_accepted(base, **{field: of(most) + "."})


@pytest.mark.parametrize(("base", "field", "least", "most"), TEXTS)
def test_space_around_a_text_does_not_count(base: str, field: str, least: int, most: int) -> None:
    assert not is_accepted(base, **{field: " \t\n\u3000" * least + "x" * (least - 1) + "\n" * least})
    assert is_accepted(base, **{field: "  " + "x" * most + "\n\n"})


@pytest.mark.parametrize(("base", "field", "least", "most"), TEXTS)
@pytest.mark.parametrize("character", ["\x00", "\x07", "\x08", "\x1b", "\x7f", "\x85", "\x9f"])
def test_control_characters_are_refused(base: str, field: str, least: int, most: int, character: str) -> None:
    assert not is_accepted(base, **{field: "x" * least + character + "x"})


@pytest.mark.parametrize("character", ["\n", "\r\n", "\t", "\u00a0", "\u200d", "\u202e", "\ufffd"])
def test_line_breaks_tabs_and_the_odder_letters_are_text(character: str) -> None:
    assert is_accepted("enhance", prompt=f"some words {character} and more")


NUMBERS = [
    ("width", 256, 1440, 32),
    ("height", 256, 1440, 32),
    ("steps", 1, 12, 1),
    ("n", 1, 4, 1),
    ("seed", 0, 2**32 - 1, 1),
    ("deadline_seconds", 30, 900, 1),
]


@pytest.mark.parametrize(("field", "least", "most", "step"), NUMBERS)
def test_numbers_are_whole_and_within_their_limits(field: str, least: int, most: int, step: int) -> None:
    for good in (least, least + step, most - step, most):
        assert is_accepted("image", **{field: good})
    for bad in (least - step, most + step, -1, 10**30):
        assert not is_accepted("image", **{field: bad})
    for wrong in (float(least), least + 0.5, str(least), True, [least], None if field != "seed" else "7"):
        assert not is_accepted("image", **{field: wrong})


@pytest.mark.parametrize("field", ["width", "height"])
def test_pixels_come_in_multiples_of_32(field: str) -> None:
    accepted = [size for size in range(200, 1500) if is_accepted("image", **{field: size})]
    assert accepted == list(range(256, 1441, 32))


@pytest.mark.parametrize("base", ["enhance", "image"])
def test_metadata_is_sixteen_pairs_of_text(base: str) -> None:
    assert is_accepted(base, metadata={f"k{number}": "" for number in range(16)})
    assert not is_accepted(base, metadata={f"k{number}": "" for number in range(17)})
    assert is_accepted(base, metadata={"k" * 64: "v" * 512})
    assert not is_accepted(base, metadata={"k" * 65: "v"})
    assert not is_accepted(base, metadata={"k": "v" * 513})
    assert not is_accepted(base, metadata={"": "v"})
    assert not any(is_accepted(base, metadata={"k": wrong}) for wrong in (1, None, True, ["v"], {"v": "v"}))
    assert not is_accepted(base, metadata={"k\x00": "v"})


@pytest.mark.parametrize("base", ["enhance", "generate"])
@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("tone", {"professional", "casual", "academic", "creative", "technical"}),
        ("length", {"concise", "balanced", "detailed"}),
    ],
)
def test_tone_and_length_are_words_of_the_contract(base: str, field: str, values: set[str]) -> None:
    assert all(is_accepted(base, **{field: value}) for value in values)
    assert not any(is_accepted(base, **{field: value}) for value in ("", "Casual", "casual ", "other", 1, ["casual"]))


@pytest.mark.parametrize("tag", ["en", "pt-BR", "zh-Hant-TW", "es-419", "de-CH-1996", "sl-rozaj-biske"])
def test_languages_are_bcp_47_tags(tag: str) -> None:
    assert is_accepted("enhance", language=tag)


@pytest.mark.parametrize(
    "tag",
    [
        "",
        "e",
        "english language",
        "pt_BR",
        "pt-",
        "-BR",
        "pt-BR\n",
        "123",
        "é",
        "aaaaaaaaa",
        "en;drop",
        "pt--BR",
        "aa-a-a-a-a",
    ],
)
def test_what_is_no_tag_is_no_language(tag: str) -> None:
    assert not is_accepted("enhance", language=tag)


@pytest.mark.parametrize("alias", ["", "A", "a b", "a" * 65, "-a", "../x", "a\n", 7])
def test_what_cannot_be_an_alias_is_refused_by_its_form(alias: Any) -> None:
    assert not is_accepted("enhance", model=alias)


def test_the_document_says_the_same_limits() -> None:
    schemas = openapi_document()["components"]["schemas"]
    for base, name in (("enhance", "EnhanceJob"), ("image", "ImageJob"), ("generate", "GeneratePrompt")):
        properties = schemas[name]["properties"]
        assert schemas[name]["additionalProperties"] is False
        for _, field, least, most in (row for row in TEXTS if row[0] == base):
            shape = _not_null(properties[field])
            assert (shape["minLength"], shape["maxLength"]) == (least, most)
        for field, least, most, step in NUMBERS if base == "image" else []:
            shape = _not_null(properties[field])
            assert (shape["minimum"], shape["maximum"], shape.get("multipleOf", 1)) == (least, most, step)
    assert schemas["EnhanceJob"]["properties"]["metadata"]["maxProperties"] == 16
    assert {name: schemas["ImageJob"]["properties"][name]["default"] for name in ("width", "height", "steps", "n")} == {
        "width": 1024,
        "height": 1024,
        "steps": 4,
        "n": 1,
    }


def _not_null(shape: dict[str, Any]) -> dict[str, Any]:
    """The schema of a field's value, of one that may be left out too."""
    found: dict[str, Any] = next((branch for branch in shape.get("anyOf", []) if branch.get("type") != "null"), shape)
    return found
