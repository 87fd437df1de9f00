"""The dashboard shows metrics that there are, and each part of the whole."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest

from promptmill.metrics import NAMESPACE
from tests.architecture.metrics import BY_OUTCOME, METRICS, dimension_sets
from tests.support.alarms import alarms, watched
from tests.support.grants import of_type, rendered

INSIGHTS = re.compile(
    r"SELECT (?:SUM|AVG|MAX|MIN)\((?P<name>\w+)\) FROM SCHEMA\((?P<namespace>\w+), (?P<dimensions>[\w, ]+)\)"
    r" WHERE stage = '\$\{Stage}' GROUP BY (?P<groups>[\w, ]+)"
)
SEARCH = re.compile(
    r"SEARCH\('\{(?P<namespace>[\w/]+),(?P<dimensions>[\w,]+)} MetricName=\"(?P<name>\w+)\" \$\{AWS::StackName}',"
    r" '(?P<stat>Sum|p99)', 300\)"
)
Shown = tuple[str, str, frozenset[str], tuple[str, ...]]


@cache
def widgets() -> list[dict[str, Any]]:
    (dashboard,) = of_type("AWS::CloudWatch::Dashboard").values()
    found: list[dict[str, Any]] = json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]
    return found


def shown(row: list[Any]) -> Shown:
    """The namespace, name, dimensions and their values of a row of a widget."""
    if isinstance(row[0], dict):
        text = row[0]["expression"]
        found = INSIGHTS.fullmatch(text) or SEARCH.fullmatch(text)
        assert found is not None, text
        dimensions = frozenset(found["dimensions"].replace(" ", "").split(","))
        assert set((found.groupdict().get("groups") or "").replace(" ", "").split(",")) <= dimensions | {""}
        return found["namespace"], found["name"], dimensions, ()
    words = [word for word in row if isinstance(word, str)]
    return words[0], words[1], frozenset(words[2::2]), tuple(words[3::2])


def rows() -> list[Shown]:
    return [shown(row) for widget in widgets() for row in widget["properties"]["metrics"]]


@pytest.mark.parametrize("widget", widgets(), ids=lambda widget: widget["properties"]["title"])
def test_a_widget_shows_metrics_that_there_are(widget: dict[str, Any]) -> None:
    assert widget["type"] == "metric"
    assert widget["properties"]["region"] == "${AWS::Region}"
    for row in widget["properties"]["metrics"]:
        namespace, name, dimensions, values = shown(row)
        assert dimensions in dimension_sets(namespace, name), f"{namespace} {name} by {sorted(dimensions)}"
        for value in values:
            resource = re.fullmatch(r"\$\{(\w+)(?:\.\w+)?}", value)
            assert resource is None or resource[1] in {*rendered(), "Stage"}, value


def test_every_metric_an_alarm_watches_is_on_the_dashboard() -> None:
    """Whoever is called looks here first; what is shown there by function has no value of its own."""
    on_it = {(namespace, name, values) for namespace, name, _, values in rows()}
    for alarm in alarms():
        for metric in watched(alarm).values():
            values = tuple(value for _, value in sorted(metric.dimensions))
            by_function = (metric.namespace, metric.name, ())
            assert by_function in on_it or (metric.namespace, metric.name, values) in on_it, alarm


def test_every_metric_with_a_kind_a_model_and_an_outcome_is_shown_by_one_of_them() -> None:
    by = {name for namespace, name, dimensions, _ in rows() if namespace == NAMESPACE and dimensions == BY_OUTCOME}
    assert by == {"JobsFinished", "ProviderCalls", "ProviderErrors"}


def test_every_queue_is_on_the_dashboard() -> None:
    shown_queues = {values[0] for namespace, _, _, values in rows() if namespace == "AWS/SQS"}
    assert shown_queues == {f"${{{queue}.QueueName}}" for queue in of_type("AWS::SQS::Queue")}


def test_the_list_of_metrics_has_no_more_than_is_shown() -> None:
    assert METRICS.keys() <= {(namespace, name) for namespace, name, _, _ in rows()}
