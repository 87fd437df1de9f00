"""What was answered once, answered again."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest

from promptmill.errors import JobStateBroken, StoreUnavailable
from promptmill.prompting.assemble import assemble_request
from promptmill.providers.catalog import load_catalog
from promptmill.providers.cost import cost_usd, upper_bound_usd
from promptmill.providers.interface import Answer, Image, Usage
from promptmill.providers.recorded import RecordedProvider, free_model, record
from tests.support.builders import a_job, an_image_entry

TEXT_REQUEST = assemble_request(a_job())
IMAGE_REQUEST = assemble_request(a_job(kind="image"))
PICTURE = b"a picture"
ENTRY = an_image_entry(key="artifacts/o/j/i.png", sha256=hashlib.sha256(PICTURE).hexdigest())
IMAGES: dict[str, Any] = {"images": [ENTRY]}


def no_image(key: str) -> bytes | None:
    raise AssertionError(f"{key} was read")


def replayed(recorded: dict[str, Any], objects: dict[str, bytes] | None = None) -> Answer:
    stored = json.loads(json.dumps(recorded))
    provider = RecordedProvider(lambda: stored, (objects or {}).get)
    request = IMAGE_REQUEST if "images" in recorded else TEXT_REQUEST
    return provider.generate(free_model("some-model", request), request)


@pytest.mark.parametrize("truncated", [True, False])
@pytest.mark.parametrize("text", ['Here is the prompt:\n\n"Write"', ""])
def test_a_text_comes_back_as_the_provider_wrote_it_with_its_tokens(text: str, *, truncated: bool) -> None:
    answer = Answer(Usage(input_tokens=312, output_tokens=205, estimated=True), text=text, truncated=truncated)
    recorded = record(answer, {"text": "what the job made of it", "type": "content"})
    assert replayed(recorded) == Answer(Usage(input_tokens=312, output_tokens=205), text=text, truncated=truncated)


def test_a_text_is_passed_on_in_one_piece() -> None:
    recorded = {"text": "one piece", "truncated": False, "input_tokens": 1, "output_tokens": 1}
    pieces: list[str] = []
    RecordedProvider(lambda: recorded, no_image).generate(
        free_model("x", TEXT_REQUEST), TEXT_REQUEST, on_text=pieces.append
    )
    assert pieces == ["one piece"]


def test_of_images_the_entries_of_the_result_are_recorded_and_their_content_is_read_again() -> None:
    made = Answer(Usage(images=1), images=(Image(PICTURE, "image/png", 64, 32),))
    recorded = record(made, {"images": [ENTRY]})
    assert recorded == IMAGES
    assert replayed(recorded, {ENTRY["key"]: PICTURE}) == made


@pytest.mark.parametrize("objects", [{}, {ENTRY["key"]: b"another picture"}])
def test_an_image_that_is_gone_or_another_one_is_a_broken_job(objects: dict[str, bytes]) -> None:
    with pytest.raises(JobStateBroken):
        replayed(IMAGES, objects)


def test_a_store_that_does_not_answer_says_so_itself() -> None:
    def down() -> dict[str, Any]:
        raise StoreUnavailable

    with pytest.raises(StoreUnavailable):
        RecordedProvider(down, no_image).generate(free_model("x", TEXT_REQUEST), TEXT_REQUEST)


@pytest.mark.parametrize("alias", [*(model.alias for model in load_catalog()), "a-model-of-yesterday"])
def test_no_model_costs_anything_when_it_is_not_asked(alias: str) -> None:
    for request, usage in (
        (TEXT_REQUEST, Usage(input_tokens=10**6, output_tokens=10**6)),
        (IMAGE_REQUEST, Usage(images=4)),
    ):
        model = free_model(alias, request)
        assert model.alias == alias
        assert (upper_bound_usd(model, request), cost_usd(model, usage)) == (Decimal(0), Decimal(0))
