"""What a replay asks for: the stored input of its source, and what the caller wants otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from promptmill.clock import timestamp
from promptmill.errors import InvalidInput
from promptmill.jobs.model import ReplayMode
from promptmill.jobs.replay.overrides import merge_overrides
from tests.support.builders import AT_MS, IMAGE_INPUT, a_job

INPUT = {"prompt": "write to my landlord", "tone": "casual", "model": "nova-pro"}
SOURCE = a_job("failed", input=INPUT, metadata={"order": "7"}, deadline_at=timestamp(AT_MS + 45_000))
AS_STORED = {"kind": "enhance", **INPUT, "metadata": {"order": "7"}, "deadline_seconds": 45}


@pytest.mark.parametrize("mode", list(ReplayMode))
@pytest.mark.parametrize(
    ("overrides", "changed"),
    [
        ({}, {}),
        ({"metadata": {"order": "8"}}, {"metadata": {"order": "8"}}),
        ({"metadata": {}}, {"metadata": {}}),
        ({"deadline_seconds": 60}, {"deadline_seconds": 60}),
    ],
)
def test_what_is_not_changed_is_as_the_source_has_it(
    overrides: dict[str, Any], changed: dict[str, Any], mode: ReplayMode
) -> None:
    assert merge_overrides(SOURCE, overrides, mode) == AS_STORED | changed


@pytest.mark.parametrize(
    "overrides",
    [
        {"model": "nova-lite"},
        {"prompt": "write to my lawyer"},
        {"model": "nova-lite", "prompt": "x", "metadata": {}, "deadline_seconds": 900},
    ],
)
def test_a_live_replay_may_change_model_and_prompt(overrides: dict[str, Any]) -> None:
    assert merge_overrides(SOURCE, overrides, ReplayMode.LIVE) == AS_STORED | overrides


def test_an_image_job_is_replayed_with_all_it_was_drawn_by() -> None:
    source = a_job("succeeded", kind="image")
    replayed = merge_overrides(source, {"prompt": "a grey fox"}, ReplayMode.LIVE)
    assert replayed == {
        "kind": "image",
        **IMAGE_INPUT,
        "prompt": "a grey fox",
        "metadata": {},
        "deadline_seconds": 300,
    }


@pytest.mark.parametrize("kind", ["enhance", "image"])
@pytest.mark.parametrize(
    ("overrides", "mode", "pointers"),
    [
        ({"parameters": {}}, ReplayMode.LIVE, ["/parameters"]),
        ({"label": "stable"}, ReplayMode.RECORDED, ["/label"]),
        ({"label": "x", "parameters": {"a": 1}}, ReplayMode.LIVE, ["/parameters", "/label"]),
        ({"model": "nova-lite"}, ReplayMode.RECORDED, ["/model"]),
        ({"prompt": "something else"}, ReplayMode.RECORDED, ["/prompt"]),
        ({"prompt": "y", "model": "nova-lite", "label": "x"}, ReplayMode.RECORDED, ["/label", "/model", "/prompt"]),
    ],
)
def test_what_means_nothing_is_refused_with_its_place(
    kind: str, overrides: dict[str, Any], mode: ReplayMode, pointers: list[str]
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        merge_overrides(a_job("failed", kind=kind), overrides, mode)
    assert [pointer for pointer, _ in refusal.value.errors] == pointers
    assert all(("template" in detail and kind in detail) or "recorded" in detail for _, detail in refusal.value.errors)


def test_the_source_is_left_as_it_was() -> None:
    merge_overrides(SOURCE, {"model": "nova-lite", "metadata": {}}, ReplayMode.LIVE)
    assert (SOURCE.input, SOURCE.metadata) == (INPUT, {"order": "7"})
