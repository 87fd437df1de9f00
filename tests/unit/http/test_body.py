"""Reading a body: in the contract's order, with the place of every finding and never the caller's words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill import errors
from promptmill.http.body import MAX_BODY_BYTES, MAX_FINDINGS, read_body
from promptmill.jobs.requests import EnhanceJob, GeneratePrompt, ImageJob, JobRequest
from tests.support.builders import PROMPT

JSON = {"content-type": "application/json"}
ENHANCE = {"kind": "enhance", "prompt": PROMPT}
IMAGE = {"kind": "image", "prompt": "a red fox"}
OURS = (errors.BodyTooLarge, errors.UnsupportedMediaType, errors.MalformedBody, errors.InvalidInput)


def findings(document: Any, model: Any = JobRequest) -> dict[str, str]:
    """Pointer → what is wrong, of a body that must be refused for it."""
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(errors.InvalidInput) as caught:
        read_body(JSON, text, model)
    return dict(caught.value.errors)


def refusal(text: str, model: Any) -> errors.InvalidInput | None:
    try:
        read_body(JSON, text, model)
    except errors.InvalidInput as error:
        return error
    return None


def found_at(document: Any, pointer: str) -> Any:
    """The value an RFC 6901 pointer names."""
    for part in pointer.split("/")[1:]:
        document = document[part.replace("~1", "/").replace("~0", "~")]
    return document


def test_each_kind_is_read_as_what_it_is() -> None:
    assert read_body(JSON, json.dumps(ENHANCE), JobRequest) == EnhanceJob(kind="enhance", prompt=PROMPT)
    assert read_body(JSON, json.dumps(IMAGE), JobRequest) == ImageJob(kind="image", prompt="a red fox")


def test_text_and_its_bytes_are_the_same_body() -> None:
    text = json.dumps({**ENHANCE, "metadata": {"é": "\U0001f98a"}}, ensure_ascii=False)
    assert read_body(JSON, text, JobRequest) == read_body(JSON, text.encode(), JobRequest)


@pytest.mark.parametrize(
    ("headers", "content", "kind"),
    [
        ({}, "x" * (MAX_BODY_BYTES + 1), errors.BodyTooLarge),
        ({}, "{", errors.UnsupportedMediaType),
        (JSON, "{", errors.MalformedBody),
        (JSON, "{}", errors.InvalidInput),
    ],
)
def test_size_comes_before_type_and_type_before_content(
    headers: dict[str, str], content: str, kind: type[errors.PromptmillError]
) -> None:
    with pytest.raises(kind) as caught:
        read_body(headers, content, JobRequest)
    assert type(caught.value) is kind


@pytest.mark.parametrize("character", ["x", "é", "\U0001f98a"])
def test_size_is_counted_in_bytes(character: str) -> None:
    width = len(character.encode())
    fits = character * (MAX_BODY_BYTES // width)
    with pytest.raises(errors.MalformedBody):
        read_body(JSON, fits, JobRequest)
    with pytest.raises(errors.BodyTooLarge):
        read_body(JSON, fits + character, JobRequest)


@pytest.mark.parametrize(
    "media_type",
    ["", "text/plain", "application/jsonp", "application/json-patch+json", "json", "application/x-www-form-urlencoded"],
)
def test_anything_but_json_is_refused_unread(media_type: str) -> None:
    with pytest.raises(errors.UnsupportedMediaType):
        read_body({"content-type": media_type}, json.dumps(ENHANCE), JobRequest)


@pytest.mark.parametrize(
    "content",
    [
        "",
        " ",
        "{",
        "{}{}",
        "{'kind': 'enhance'}",
        '{"kind": "enhance",}',
        "null",
        "1",
        '"text"',
        "[]",
        '[{"kind":"enhance"}]',
        "\ufeff{}",
        '{"prompt": "a\nb"}',
        '{"width": NaN}',
        '{"width": Infinity}',
        '{"width": -Infinity}',
        '{"seed": ' + "9" * 5000 + "}",
        "[" * 100_000,
        '{"a":' * 50_000,
        b"\xff\xfe",
        b'{"prompt":"\xc3"}',
        b'{"prompt":"\xed\xa0\x80"}',
        '{"prompt":"\ud800"}',
    ],
)
def test_what_is_not_one_json_object_is_malformed(content: str | bytes) -> None:
    with pytest.raises(errors.MalformedBody):
        read_body(JSON, content, JobRequest)


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({}, {"/kind"}),
        ({"kind": "chat"}, {"/kind"}),
        ({"kind": None}, {"/kind"}),
        ({"kind": ["enhance"]}, {"/kind"}),
        ({"kind": {"enhance": 1}}, {"/kind"}),
        ({"kind": "Enhance", "prompt": PROMPT}, {"/kind"}),
        ({"kind": "enhance"}, {"/prompt"}),
        ({**ENHANCE, "width": 512}, {"/width"}),
        ({**IMAGE, "tone": "casual"}, {"/tone"}),
        ({**ENHANCE, "": 1}, {"/"}),
        ({**ENHANCE, "a/b~c": 1}, {"/a~1b~0c"}),
        ({**ENHANCE, "~1": 1}, {"/~01"}),
        ({**ENHANCE, "enhance": 1}, {"/enhance"}),
        ({**ENHANCE, "image": {"prompt": 1}}, {"/image"}),
        ({**ENHANCE, "[key]": 1}, {"/[key]"}),
        ({**ENHANCE, "metadata": {"[key]": 1}}, {"/metadata/[key]"}),
        ({**ENHANCE, "metadata": {"k" * 65: "x"}}, {"/metadata/" + "k" * 65}),
        ({**ENHANCE, "k" * 300_000: "x"}, {"/" + "k" * 256}),
        ({**ENHANCE, "metadata": {"": "x"}}, {"/metadata/"}),
        ({**ENHANCE, "metadata": {"a/b": 1, "ok": "x", "c": None}}, {"/metadata/a~1b", "/metadata/c"}),
        ({**ENHANCE, "metadata": []}, {"/metadata"}),
        ({**ENHANCE, "prompt": None, "tone": 1, "deadline_seconds": "30"}, {"/prompt", "/tone", "/deadline_seconds"}),
    ],
)
def test_a_finding_points_to_its_place(document: dict[str, Any], pointers: set[str]) -> None:
    assert set(findings(document)) == pointers


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({}, {"/prompt"}),
        ({"prompt": PROMPT, "enhance": 1}, {"/enhance"}),
        ({"prompt": PROMPT, "kind": "enhance"}, {"/kind"}),
        ({"prompt": PROMPT, "metadata": {}}, {"/metadata"}),
    ],
)
def test_a_finding_points_to_its_place_where_there_is_one_kind(document: dict[str, Any], pointers: set[str]) -> None:
    assert set(findings(document, GeneratePrompt)) == pointers


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    assert findings({"kind": "chat"}) == {"/kind": "must be one of: enhance, image"}


keys = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(key=keys.filter(lambda key: key not in {*EnhanceJob.model_fields}))
def test_every_unknown_field_is_named_by_a_pointer_that_finds_it(key: str) -> None:
    document = {**ENHANCE, key: "value"}
    (pointer,) = findings(document)
    assert found_at(document, pointer) == "value"


@given(key=keys)
def test_every_bad_metadata_value_is_named_by_a_pointer_that_finds_it(key: str) -> None:
    document = {**ENHANCE, "metadata": {key: 12345}}
    assert 12345 in [found_at(document, pointer) for pointer in findings(document)]


# Letters that no message of ours or of pydantic's has in a row.
words = st.text("ΔΘΛΞΠΣΦΨΩ", min_size=3, max_size=30)
places = st.sampled_from(
    ["kind", "prompt", "tone", "length", "language", "model", "width", "seed", "n", "style", "metadata", "unknown"]
)


@given(
    base=st.sampled_from([ENHANCE, IMAGE, {}]),
    place=places,
    word=words,
    model=st.sampled_from([JobRequest, GeneratePrompt]),
)
def test_what_the_caller_wrote_is_never_in_the_error(base: dict[str, Any], place: str, word: str, model: Any) -> None:
    for value in (word, [word], {"x": word}, {"x": {"y": word}}):
        error = refusal(json.dumps({**base, place: value}), model)
        assert error is None or error.__suppress_context__
        assert word not in f"{error!r} {error and error.errors} {error and error.__cause__!r}"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=12,
)
near_bodies = st.fixed_dictionaries(
    {"kind": st.sampled_from(["enhance", "image"]) | json_values},
    optional={
        **dict.fromkeys(["prompt", "tone", "length", "language", "model", "style", "negative_prompt"], json_values),
        **dict.fromkeys(["width", "height", "steps", "n", "seed", "deadline_seconds"], json_values),
        "metadata": st.dictionaries(st.text(max_size=70), json_values, max_size=20) | json_values,
    },
)


def read_or_refuse(content: str | bytes, model: Any) -> None:
    """Raises nothing but one of our four errors, whose words can be sent."""
    try:
        read_body(JSON, content, model)
    except OURS as error:
        json.dumps([error.detail, getattr(error, "errors", ())], ensure_ascii=False).encode("utf-8")


@given(content=st.binary(max_size=300) | st.text(max_size=300), model=st.sampled_from([JobRequest, GeneratePrompt]))
def test_no_bytes_and_no_text_raise_anything_but_our_four_errors(content: str | bytes, model: Any) -> None:
    read_or_refuse(content, model)


@given(document=json_values | near_bodies, model=st.sampled_from([JobRequest, GeneratePrompt]))
def test_no_json_raises_anything_but_our_four_errors(document: Any, model: Any) -> None:
    read_or_refuse(json.dumps(document), model)


@pytest.mark.parametrize(
    "text",
    [
        '{"kind":"\\ud800"}',
        '{"kind":"enhance","prompt":"\\ud800 and some more words"}',
        '{"kind":"enhance","prompt":"some words and more","\\ud800":1}',
        '{"kind":"enhance","prompt":"some words and more","metadata":{"\\udfff":"x"}}',
        '{"kind":"enhance","prompt":"some words and more","metadata":{"x":"\\udfff"}}',
    ],
)
def test_half_a_surrogate_pair_is_refused_in_words_that_can_be_sent(text: str) -> None:
    assert findings(text)
    read_or_refuse(text, JobRequest)


def test_a_body_full_of_faults_is_answered_with_the_first_of_them() -> None:
    document = {**ENHANCE, **{f"unknown{number}": 1 for number in range(1000)}}
    assert len(findings(document)) == MAX_FINDINGS
