"""The schemas of published events are strict, and their examples are what they say."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING

import pytest

from promptmill.error_codes import error_classes
from tests.support.published import FOLDER, check_event, event_names, example, validator

if TYPE_CHECKING:
    from typing import Any

NAMES = event_names()


def test_each_event_has_a_schema_and_an_example() -> None:
    jobs = ["job.accepted", "job.canceled", "job.expired", "job.failed", "job.rejected", "job.succeeded"]
    assert [*jobs, "user.deleted"] == NAMES
    assert sorted(path.name for path in FOLDER.glob("*.json")) == sorted(
        f"{name}.{part}.json" for name in NAMES for part in ("schema", "example")
    )


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_valid_for_its_own_schema_and_for_no_other(name: str) -> None:
    check_event(name, example(name))
    assert [other for other in NAMES if validator(other).is_valid(example(name))] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_no_object_of_an_event_takes_a_field_that_is_not_documented(name: str) -> None:
    for path in _objects(example(name)):
        extended = copy.deepcopy(example(name))
        place: Any = extended
        for key in path:
            place = place[key]
        place["prompt"] = 1
        assert not validator(name).is_valid(extended), path


@pytest.mark.parametrize("name", NAMES)
def test_every_field_of_an_event_is_promised(name: str) -> None:
    for path in _objects(example(name)):
        if path == ("data", "metadata"):
            continue
        keys = _at(example(name), path)
        for key in keys:
            shortened = copy.deepcopy(example(name))
            del _at(shortened, path)[key]
            assert not validator(name).is_valid(shortened), (*path, key)


def test_every_error_code_of_the_tree_can_be_told_in_an_event() -> None:
    for cls in error_classes().values():
        failed = example("job.failed")
        failed["data"]["error"]["code"] = cls.code
        check_event("job.failed", json.loads(json.dumps(failed)))


def _objects(value: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return []
    return [path, *(place for key, inner in value.items() for place in _objects(inner, (*path, key)))]


def _at(value: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for key in path:
        value = value[key]
    return value
