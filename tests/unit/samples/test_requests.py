"""The requests the demo posts are what their names say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.sam import ROOT
from promptmill.errors import InvalidInput
from promptmill.http.body import read_body
from promptmill.jobs.requests import JobRequest

SAMPLES = sorted((ROOT / "events" / "requests").glob("*.json"))
VALID = [path for path in SAMPLES if not path.name.startswith("invalid-")]
INVALID = [path for path in SAMPLES if path.name.startswith("invalid-")]


def read(text: str) -> Any:
    return read_body({"content-type": "application/json"}, text, JobRequest)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_request_is_accepted_and_of_the_kind_in_its_name(path: Any) -> None:
    request = read(path.read_text())
    assert request.kind == path.stem.partition("-")[0]


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_request_breaks_the_rule_of_the_field_in_its_name_and_no_other(path: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(path.read_text())
    assert [pointer for pointer, _ in refused.value.errors] == [f"/{path.stem.removeprefix('invalid-')}"]


def test_the_demo_has_three_enhancements_an_image_and_an_invalid_request() -> None:
    kinds = [json.loads(path.read_text())["kind"] for path in VALID]
    assert kinds.count("enhance") >= 3
    assert kinds.count("image") >= 1
    assert INVALID


def test_one_enhancement_is_long_and_near_the_limit() -> None:
    longest = max(len(json.loads(path.read_text())["prompt"]) for path in VALID)
    assert 1900 <= longest <= 2000
