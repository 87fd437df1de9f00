"""What subscribers were promised in version 1 they get for good; ``v1.fields.json`` is the list of it, and only grows.

A change that fails the first test needs an event of a new name, such as ``job.succeeded.v2`` (docs/decisions/0023).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from promptmill.events.catalogue.schema import event_schema
from promptmill.events.names import EventName
from tests.support.promises import Promises, additions, breaks, promises_of
from tests.support.published import CATALOGUE

LIST = Path(__file__).parents[3] / "events" / "published" / "v1.fields.json"
PROMISED: dict[str, Promises] = json.loads(LIST.read_text(encoding="utf-8"))
SCHEMAS = {name: event_schema(event) for name, event in CATALOGUE.items()}


def promised_now(name: str) -> Promises:
    on_the_bus = name in set(EventName)
    return promises_of(SCHEMAS[name], source=EventName(name).source if on_the_bus else None)


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_no_promise_to_subscribers_is_broken(name: str) -> None:
    assert name in SCHEMAS, f"{name} is gone"
    assert breaks(PROMISED[name], promised_now(name)) == []


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_what_is_new_in_an_event_is_in_the_list_of_promises(name: str) -> None:
    new = additions(PROMISED.get(name, {}), promised_now(name))
    assert new == {}, f"add to {LIST.name}, below {name}: {json.dumps(new)}"


REJECTED = PROMISED["job.rejected"]


def after(change: Callable[[dict[str, Any]], object]) -> Promises:
    """What ``job.rejected`` would promise if the parts of its schema were changed."""
    schema = copy.deepcopy(SCHEMAS["job.rejected"])
    change(schema["$defs"])
    return promises_of(schema, source="promptmill.jobs")


def fields(parts: dict[str, Any], part: str) -> dict[str, Any]:
    found: dict[str, Any] = parts[part]["properties"]
    return found


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda parts: fields(parts, "RejectionFacts").pop("duration_ms"), "data.duration_ms is gone"),
        (lambda parts: fields(parts, "Cost").pop("model_usd"), "data.cost.model_usd is gone"),
        (lambda parts: fields(parts, "Cost").update(estimated={"type": "string"}), "data.cost.estimated was boolean"),
        (lambda parts: fields(parts, "OutcomeMetadata")["id"].pop("pattern"), "metadata.id was {'pattern'"),
        (lambda parts: fields(parts, "RejectionFacts")["status"].update(const="no"), "data.status was {'const'"),
        (lambda parts: parts["RejectionError"]["required"].remove("code"), "data.error.code is not always there"),
        (
            lambda parts: fields(parts, "RejectionError")["code"]["examples"].remove("rate_limited"),
            "data.error.code is no longer ['rate_limited']",
        ),
    ],
)
def test_a_change_that_would_break_a_subscriber_is_found(
    change: Callable[[dict[str, Any]], object], found: str
) -> None:
    (broken,) = breaks(REJECTED, after(change))
    assert broken.startswith(found)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda parts: fields(parts, "Cost").update(image_usd={"type": "string"}), "data.cost.image_usd"),
        (lambda parts: fields(parts, "RejectionFacts")["kind"]["examples"].append("chat"), "data.kind"),
        (lambda parts: fields(parts, "RejectionError")["code"]["examples"].append("too_late"), "data.error.code"),
    ],
)
def test_a_change_that_adds_something_breaks_nothing_and_has_to_be_promised(
    change: Callable[[dict[str, Any]], object], path: str
) -> None:
    assert breaks(REJECTED, after(change)) == []
    assert additions(REJECTED, after(change)).keys() == {path}


def test_an_event_of_another_source_is_found() -> None:
    (broken,) = breaks(REJECTED, promises_of(SCHEMAS["job.rejected"], source="promptmill.work"))
    assert broken.startswith("source was {'const': 'promptmill.jobs'")


@pytest.mark.parametrize(("keyword", "path"), [("items", "data.costs[]"), ("additionalProperties", "data.costs{}")])
def test_what_is_in_a_list_or_below_any_name_is_promised_too(keyword: str, path: str) -> None:
    def has_costs(parts: dict[str, Any]) -> None:
        form = {"type": "array" if keyword == "items" else "object", keyword: {"$ref": "#/$defs/Cost"}}
        fields(parts, "RejectionFacts").update(costs=form)

    def has_costs_without_a_figure(parts: dict[str, Any]) -> None:
        has_costs(parts)
        fields(parts, "Cost").pop("estimated")

    assert breaks(after(has_costs), after(has_costs_without_a_figure)) == [
        "data.cost.estimated is gone",
        f"{path}.estimated is gone",
    ]


@pytest.mark.parametrize(("keyword", "path"), [("items", "data.costs[]"), ("additionalProperties", "data.costs{}")])
def test_what_is_in_a_list_or_below_any_name_keeps_its_form(keyword: str, path: str) -> None:
    def has_costs(parts: dict[str, Any], form: str) -> None:
        fields(parts, "RejectionFacts").update(costs={keyword: {"$ref": "#/$defs/Figure"}})
        parts["Figure"] = {"type": form}

    was, now = (after(partial(has_costs, form=form)) for form in ("string", "integer"))
    assert breaks(was, now) == [f"{path} was string, is integer"]
