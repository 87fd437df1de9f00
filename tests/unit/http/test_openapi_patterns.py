"""The patterns in the OpenAPI document allow just what the API takes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from promptmill.clock import id_pattern, is_id
from promptmill.errors import InvalidHeader
from promptmill.http import idempotency_key
from promptmill.jobs.requests import READABLE_PATTERN, MetadataValue
from promptmill.jobs.streaming.events import ID_PATTERN, place_of
from tests.support.builders import a_job_id
from tests.unit.http.test_openapi import operations

JOB_PATTERN = id_pattern("job")
LONGEST_KEY = "k" * 255


def texts(pattern: str) -> st.SearchStrategy[str]:
    """Texts that match, and some that mostly do not."""
    return st.one_of(st.from_regex(pattern, fullmatch=True), st.text(max_size=30))


def is_key(text: str) -> bool:
    try:
        return idempotency_key.idempotency_key({"Idempotency-Key": [text]}) is not None
    except InvalidHeader:
        return False


def is_event_id(text: str) -> bool:
    try:
        return place_of(text) != ()
    except ValueError:
        return False


@given(text=texts(idempotency_key.PATTERN).map(str.strip))
@example(LONGEST_KEY)
@example(LONGEST_KEY + "k")
@example(f'"{LONGEST_KEY}"')
@example(f'"{LONGEST_KEY}k"')
def test_a_documented_idempotency_key_is_one_that_is_taken(text: str) -> None:
    assert is_key(text) is bool(re.fullmatch(idempotency_key.PATTERN, text))


@given(text=texts(ID_PATTERN))
def test_a_documented_event_id_is_one_that_is_taken(text: str) -> None:
    assert is_event_id(text) is bool(re.fullmatch(ID_PATTERN, text))


@given(text=texts(JOB_PATTERN))
@example(a_job_id())
@example("job_8" + "0" * 25)
def test_a_documented_job_id_is_one_that_is_taken(text: str) -> None:
    assert is_id("job", text) is bool(re.fullmatch(JOB_PATTERN, text))


def test_the_documented_characters_are_those_that_are_taken() -> None:
    adapter = TypeAdapter[str](MetadataValue)

    def is_taken(text: str) -> bool:
        try:
            return adapter.validate_python(text) == text
        except ValidationError:
            return False

    for character in map(chr, range(0x180)):
        assert is_taken(character) is bool(re.fullmatch(READABLE_PATTERN, character)), ascii(character)


@pytest.mark.parametrize("schema", ["EnhanceJob", "ImageJob", "ReplayJob"])
def test_the_keys_of_metadata_have_the_same_characters(document: dict[str, Any], schema: str) -> None:
    described = document["components"]["schemas"][schema]["properties"]["metadata"]
    metadata = described.get("anyOf", [described])[0]
    assert metadata["propertyNames"] == {"minLength": 1, "maxLength": 64, "pattern": READABLE_PATTERN}


def test_each_pattern_stands_where_it_holds(document: dict[str, Any]) -> None:
    found = operations(document)
    patterns = {
        (parameter["name"], parameter["schema"]["pattern"])
        for operation in found.values()
        for parameter in operation.get("parameters", [])
        if "pattern" in parameter["schema"]
    }
    assert patterns == {
        ("Idempotency-Key", idempotency_key.PATTERN),
        ("Last-Event-ID", f"^$|{ID_PATTERN}"),
        ("with", JOB_PATTERN),
        ("owner", "^(usr|ip)_[0-9a-f]{32}$"),
        ("owner", "^((usr|ip)_[0-9a-f]{32}|all)$"),
    }
