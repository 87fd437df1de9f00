"""Requests that must be refused, a row each: what is sent, the status, the code, the pointer that names the field."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

JSON = "application/json"
GOOD = "Plan a picnic for twelve people."
ENHANCE = {"kind": "enhance", "prompt": GOOD}
IMAGE = {"kind": "image", "prompt": "A lighthouse at dusk"}
MEGABYTE = 1024 * 1024
# One grapheme of two code points, and one code point of four bytes: limits count code points.
ACCENTED, ROCKET = "e\u0301", "\U0001f680"


@dataclass(frozen=True)
class Row:
    name: str
    content: bytes
    status: int = 422
    code: str = "invalid_input"
    pointer: str | None = None
    content_type: str | None = JSON
    path: str = "/v1/jobs"

    def __str__(self) -> str:
        return self.name


def _invalid(name: str, base: dict[str, Any], pointer: str, **changes: Any) -> Row:
    return Row(name, json.dumps({**base, **changes}).encode(), pointer=pointer)


def _without(base: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in base.items() if name != field}


def _malformed(name: str, text: str) -> Row:
    return Row(name, text.encode(), 400, "malformed_body")


def _prompt(name: str, prompt: Any, kind: dict[str, Any] = ENHANCE) -> Row:
    return _invalid(f"prompt {name}", kind, "/prompt", prompt=prompt)


BODIES = [
    _malformed("an empty body", ""),
    _malformed("white space", "  \n"),
    _malformed("no JSON", "prompt=hello"),
    _malformed("JSON cut short", '{"kind": "enhance"'),
    _malformed("JSON with something after it", '{"kind": "enhance"} x'),
    _malformed("NaN", '{"kind": "image", "prompt": "A lighthouse", "seed": NaN}'),
    _malformed("infinity", '{"kind": "image", "prompt": "A lighthouse", "seed": -Infinity}'),
    _malformed("100,000 brackets", "[" * 100_000),
    _malformed("100,000 nested objects", '{"a":' * 50_000 + "1" + "}" * 50_000),
    _malformed("a number of 5,000 digits", '{"kind": "image", "prompt": "A lighthouse", "seed": ' + "9" * 5000 + "}"),
    _malformed("an array", json.dumps([ENHANCE])),
    _malformed("a string", json.dumps("enhance this prompt")),
    _malformed("null", "null"),
    _malformed("a number", "7"),
    Row("1 MB", b'{"kind":"enhance","prompt":"' + b"a" * MEGABYTE + b'"}', 413, "body_too_large"),
    Row("1 MB that is no JSON", b"x" * MEGABYTE, 413, "body_too_large"),
    Row("no content type", json.dumps(ENHANCE).encode(), 415, "unsupported_media_type", content_type=None),
    Row("text", json.dumps(ENHANCE).encode(), 415, "unsupported_media_type", content_type="text/plain"),
    Row("a form", b"kind=enhance", 415, "unsupported_media_type", content_type="application/x-www-form-urlencoded"),
    Row("a type that only looks like JSON", b"{}", 415, "unsupported_media_type", content_type="application/jsonp"),
]
KINDS = [
    Row("no kind", json.dumps(_without(ENHANCE, "kind")).encode(), pointer="/kind"),
    _invalid("an unknown kind", ENHANCE, "/kind", kind="poem"),
    _invalid("a kind that comes later", ENHANCE, "/kind", kind="chat"),
    _invalid("a kind in capitals", ENHANCE, "/kind", kind="ENHANCE"),
    _invalid("a kind that is a number", ENHANCE, "/kind", kind=1),
    _invalid("a kind that is null", ENHANCE, "/kind", kind=None),
    _invalid("an unknown field", ENHANCE, "/colour", colour="red"),
    _invalid("a field of another kind", ENHANCE, "/width", width=512),
    _invalid("a field only the service sets", ENHANCE, "/owner", owner="usr_me"),
    _invalid("an unknown field with a slash and a tilde", ENHANCE, "/a~1b~0c", **{"a/b~c": 1}),
]
PROMPTS = [
    Row("no prompt", json.dumps(_without(ENHANCE, "prompt")).encode(), pointer="/prompt"),
    _prompt("of 9 characters", "a" * 9),
    _prompt("of 9 rockets", ROCKET * 9),
    _prompt("of 2,001 characters", "a" * 2001),
    _prompt("of 2,001 rockets", ROCKET * 2001),
    _prompt("of 1,001 accented letters in two code points", ACCENTED * 1001),
    _prompt("of white space", " \n\t" * 20),
    _prompt("of 9 characters and white space", f"   {'a' * 9}   "),
    _prompt("of 2 characters for an image", "ab", IMAGE),
    _prompt("of 2,001 characters for an image", "a" * 2001, IMAGE),
    _prompt("with a NUL", f"{GOOD}\u0000"),
    _prompt("with a bell", f"{GOOD}\u0007"),
    _prompt("with an escape", f"\u001b[31m{GOOD}"),
    _prompt("with a C1 control", f"{GOOD}\u0085 and more"),
    _prompt("with a lone high surrogate", f"{GOOD}\ud800"),
    _prompt("with a lone low surrogate", f"\udfff{GOOD}"),
    _prompt("that is null", None),
    _prompt("that is a number", 1234567890),
    _prompt("that is a list", [GOOD]),
    _prompt("that is true", True),  # noqa: FBT003
]
CHOICES = [
    _invalid("an unknown tone", ENHANCE, "/tone", tone="angry"),
    _invalid("an unknown length", ENHANCE, "/length", length="epic"),
    _invalid("an unknown model", ENHANCE, "/model", model="gpt-99"),
    _invalid("an image model for text", ENHANCE, "/model", model="flux-schnell"),
    _invalid("a text model for an image", IMAGE, "/model", model="nova-pro"),
    _invalid("a model that is no alias", ENHANCE, "/model", model="../../etc/passwd"),
    _invalid("a model that is a number", ENHANCE, "/model", model=4),
    *(
        _invalid(f"language {tag!r}", ENHANCE, "/language", language=tag)
        for tag in ("", "x", "english please", "pt_BR", "de-", "-de", "deutschland", "d\u00e9", "a" * 40, 7)
    ),
]
NUMBERS = [
    *(
        _invalid(f"width {value!r}", IMAGE, "/width", width=value)
        for value in (255, 256.5, 257, 1472, 0, -256, "512", True, 512.0)
    ),
    *(_invalid(f"height {value!r}", IMAGE, "/height", height=value) for value in (224, 1441, 10**30, [512], None)),
    *(_invalid(f"steps {value!r}", IMAGE, "/steps", steps=value) for value in (0, 13, 4.0, "4")),
    *(_invalid(f"n {value!r}", IMAGE, "/n", n=value) for value in (0, 5, -1, 1.5, True)),
    *(_invalid(f"seed {value!r}", IMAGE, "/seed", seed=value) for value in (-1, 2**32, 10**300, "7", 1.0, False)),
    *(
        _invalid(f"deadline {value!r}", ENHANCE, "/deadline_seconds", deadline_seconds=value)
        for value in (29, 901, 0, -30, 30.5, "60", True, None)
    ),
]
TEXTS = [
    _invalid("an empty style", IMAGE, "/style", style=""),
    _invalid("a style of 101 characters", IMAGE, "/style", style="a" * 101),
    _invalid("a style with a control character", IMAGE, "/style", style="water\u0000colour"),
    _invalid("a negative prompt of 1,001 characters", IMAGE, "/negative_prompt", negative_prompt="a" * 1001),
    _invalid("a negative prompt with a surrogate", IMAGE, "/negative_prompt", negative_prompt="\ud83d blur"),
    _invalid("17 metadata pairs", ENHANCE, "/metadata", metadata={f"key{i}": "v" for i in range(17)}),
    _invalid("a metadata key of 65 characters", ENHANCE, f"/metadata/{'k' * 65}", metadata={"k" * 65: "v"}),
    _invalid("an empty metadata key", ENHANCE, "/metadata/", metadata={"": "v"}),
    _invalid("a metadata value of 513 characters", ENHANCE, "/metadata/k", metadata={"k": "v" * 513}),
    _invalid("a metadata value that is a number", ENHANCE, "/metadata/k", metadata={"k": 1}),
    _invalid("a metadata value that is null", ENHANCE, "/metadata/k", metadata={"k": None}),
    _invalid("a metadata value that is an object", ENHANCE, "/metadata/k", metadata={"k": {"a": "b"}}),
    _invalid("a metadata value with a control character", ENHANCE, "/metadata/k", metadata={"k": "a\u0007b"}),
    _invalid("a metadata value with a surrogate", ENHANCE, "/metadata/k", metadata={"k": "\ud800"}),
    _invalid("metadata that is a list", ENHANCE, "/metadata", metadata=["a"]),
    _invalid("metadata that is null", ENHANCE, "/metadata", metadata=None),
]
GENERATE = [
    Row(
        f"generate-prompt: {row.name}",
        row.content,
        row.status,
        row.code,
        row.pointer,
        row.content_type,
        "/v1/generate-prompt",
    )
    for row in BODIES[:4] + BODIES[14:17]
] + [
    Row("generate-prompt: no prompt", b"{}", pointer="/prompt", path="/v1/generate-prompt"),
    Row("generate-prompt: 9 characters", b'{"prompt":"aaaaaaaaa"}', pointer="/prompt", path="/v1/generate-prompt"),
    Row("generate-prompt: a kind", json.dumps(ENHANCE).encode(), pointer="/kind", path="/v1/generate-prompt"),
    Row(
        "generate-prompt: an unknown model",
        json.dumps({"prompt": GOOD, "model": "gpt-99"}).encode(),
        pointer="/model",
        path="/v1/generate-prompt",
    ),
]
ROWS = [*BODIES, *KINDS, *PROMPTS, *CHOICES, *NUMBERS, *TEXTS, *GENERATE]

# The same fields at their limits: these are jobs.
ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("a prompt of 10 characters", {**ENHANCE, "prompt": "a" * 10}),
    ("a prompt of 10 rockets", {**ENHANCE, "prompt": ROCKET * 10}),
    ("a prompt of 2,000 characters", {**ENHANCE, "prompt": "word " * 399 + "words"}),
    ("a prompt of 2,000 rockets", {**ENHANCE, "prompt": ROCKET * 2000}),
    ("a prompt of 1,000 accented letters", {**ENHANCE, "prompt": ACCENTED * 1000}),
    ("line breaks and tabs", {**ENHANCE, "prompt": "One line,\r\nanother\tline."}),
    (
        "the longest of everything",
        {
            **ENHANCE,
            "language": "zh-Hant-TW",
            "deadline_seconds": 900,
            "metadata": {f"{i:064d}": "v" * 512 for i in range(16)},
        },
    ),
    (
        "the least image",
        {**IMAGE, "prompt": "cat", "width": 256, "height": 256, "steps": 1, "n": 1, "seed": 0, "deadline_seconds": 30},
    ),
    (
        "the most image",
        {
            **IMAGE,
            "width": 288,
            "height": 1440,
            "steps": 12,
            "n": 4,
            "seed": 2**32 - 1,
            "style": "s" * 100,
            "negative_prompt": "n" * 1000,
        },
    ),
]
