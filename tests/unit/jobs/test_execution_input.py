"""The execution's input: small whatever was asked for, and without a word of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.jobs.intake import initial_state, new_job
from promptmill.jobs.records import job_item
from promptmill.jobs.requests import EnhanceJob, ImageJob
from tests.support.builders import AT_MS, a_caller, an_enhance_request, an_image_request, an_origin, some_limits

# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html and
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
EXECUTION_INPUT_BYTES = 262_144
ITEM_BYTES = 400 * 1024
# Four bytes in UTF-8; in JSON that is plain ASCII two escape sequences, of six bytes each.
WIDE = "\U0001f98a"


def largest_metadata() -> dict[str, str]:
    return {f"{number:02}" + WIDE * 62: WIDE * 512 for number in range(16)}


LARGEST = [
    an_enhance_request(
        prompt=WIDE * 2000,
        tone="professional",
        length="concise",
        language="abcdefgh-abcdefgh-abcdefgh-abcdefgh",
        model="claude-sonnet-4.5",
        metadata=largest_metadata(),
        deadline_seconds=900,
    ),
    an_image_request(
        prompt=WIDE * 2000,
        width=1440,
        height=1440,
        steps=12,
        n=4,
        seed=2**32 - 1,
        style=WIDE * 100,
        negative_prompt=WIDE * 1000,
        model="flux-schnell",
        metadata=largest_metadata(),
        deadline_seconds=900,
    ),
]


def state_of(request: EnhanceJob | ImageJob) -> dict[str, Any]:
    job = new_job(request, a_caller(), an_origin(), at_ms=AT_MS, retention_days=3650)
    return initial_state(job, some_limits())


@pytest.mark.parametrize("request_", LARGEST, ids=["enhance", "image"])
def test_the_largest_legal_request_stays_far_below_the_limit_of_an_execution(request_: EnhanceJob | ImageJob) -> None:
    assert 4 * len(json.dumps(state_of(request_), ensure_ascii=False).encode()) < EXECUTION_INPUT_BYTES
    # Twice, as the workflow's variables hold the event a second time; and in the wider of JSON's two spellings.
    assert 2 * len(json.dumps(state_of(request_), ensure_ascii=True)) < EXECUTION_INPUT_BYTES


@pytest.mark.parametrize("request_", LARGEST, ids=["enhance", "image"])
def test_the_largest_legal_request_fits_an_item_with_room_for_its_result(request_: EnhanceJob | ImageJob) -> None:
    item = job_item(new_job(request_, a_caller(), an_origin(), at_ms=AT_MS, retention_days=3650))
    assert 4 * len(json.dumps(item, ensure_ascii=False).encode()) < ITEM_BYTES


# Words of three characters and more that no field name of the state contains.
words = st.text(st.characters(codec="utf-8", categories=["Lu", "Lo"], min_codepoint=0x0391), min_size=10, max_size=60)


@given(prompt=words, style=words, negative_prompt=words)
def test_no_word_of_the_request_is_in_the_state(prompt: str, style: str, negative_prompt: str) -> None:
    image = an_image_request(prompt=prompt, style=style, negative_prompt=negative_prompt)
    for request in (an_enhance_request(prompt=prompt), image):
        said = json.dumps(state_of(request), ensure_ascii=False)
        assert not [text for text in (prompt, style, negative_prompt) if text in said]
