"""The catalogue has every event, and is strict about each: its models are what our own events are held against."""

from __future__ import annotations

import json

import pytest

from promptmill.errors import error_classes
from promptmill.events.catalogue import ON_THE_BUS
from promptmill.events.names import EventName
from promptmill.jobs.model import KINDS
from tests.architecture.source import FUNCTIONS, PACKAGE, closure
from tests.support.published import CATALOGUE, at, check_event, example, object_paths, problems

NAMES = sorted(CATALOGUE)
# What they tell of differs, what they say of it does not.
ALIKE = {"prompt.created", "prompt.copied", "prompt.starred", "prompt.unstarred"}


def test_every_event_on_the_bus_is_in_the_catalogue_once() -> None:
    assert sorted(event.name for event in ON_THE_BUS) == sorted(EventName)


def test_a_test_of_a_webhook_is_an_event_that_is_never_on_the_bus() -> None:
    assert CATALOGUE.keys() - set(EventName) == {"webhook.test"}


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_valid_for_its_own_event_and_for_no_other(name: str) -> None:
    check_event(name, example(name))
    same = ALIKE if name in ALIKE else {name}
    assert {other for other in NAMES if not problems(other, example(name))} == same


@pytest.mark.parametrize("name", NAMES)
def test_no_object_of_an_event_takes_a_field_that_is_not_documented(name: str) -> None:
    for path in object_paths(example(name)):
        extended = example(name)
        at(extended, path)["prompt"] = 1
        assert problems(name, extended), path


@pytest.mark.parametrize("name", NAMES)
def test_every_field_of_an_event_is_promised(name: str) -> None:
    for path in object_paths(example(name)):
        if path == ("data", "metadata"):
            continue
        for key in at(example(name), path):
            shortened = example(name)
            del at(shortened, path)[key]
            assert problems(name, shortened), (*path, key)


@pytest.mark.parametrize("name", NAMES)
def test_no_field_is_of_another_type_than_it_is_said_to_be(name: str) -> None:
    for path in object_paths(example(name)):
        for key, value in at(example(name), path).items():
            changed = example(name)
            at(changed, path)[key] = str(value) if isinstance(value, int) else 1
            assert problems(name, changed), (*path, key)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_job_can_be_told_in_an_event(kind: str) -> None:
    accepted = example("job.accepted")
    accepted["data"]["kind"] = kind
    check_event("job.accepted", accepted)


def test_every_error_code_of_the_tree_can_be_told_in_an_event() -> None:
    for cls in error_classes().values():
        failed = example("job.failed")
        failed["data"]["error"]["code"] = cls.code
        check_event("job.failed", json.loads(json.dumps(failed)))


def test_no_function_can_come_to_load_the_catalogue() -> None:
    catalogue = set((PACKAGE / "events" / "catalogue").glob("*.py"))
    assert catalogue
    assert {app.parent.name for app in FUNCTIONS if closure(app) & catalogue} == set()
