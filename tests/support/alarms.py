"""What the template's alarms watch."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from local.stack import STACK_NAME
from tests.support.grants import literal, of_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack


@dataclass(frozen=True)
class Watched:
    """A metric, with its dimensions as ``literal`` writes their values."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]


@cache
def alarms() -> dict[str, dict[str, Any]]:
    """The properties of every alarm, by logical id."""
    return of_type("AWS::CloudWatch::Alarm")


def watched(alarm: str) -> dict[str, Watched]:
    """The metrics of an alarm, by what its expression calls them; the only one of an alarm without one by ``""``."""
    properties = alarms()[alarm]
    if "MetricName" in properties:
        return {"": _metric(properties)}
    return {row["Id"]: _metric(row["MetricStat"]["Metric"]) for row in properties["Metrics"] if "MetricStat" in row}


def expression(alarm: str) -> str:
    """The one expression of an alarm on an expression."""
    (found,) = [row["Expression"] for row in alarms()[alarm]["Metrics"] if "Expression" in row]
    return str(found)


def divisors(text: str) -> Iterator[tuple[str, int]]:
    """(metric, what it is divided by) of ``FILL(metric, 0) / 29``."""
    for metric, number in re.findall(r"FILL\((\w+), 0\) / (\d+)", text):
        yield metric, int(number)


def watched_on(stack: Stack, alarm: str) -> dict[str, Watched]:
    """The same with the names that the stack's resources have."""
    return {
        key: Watched(
            metric.namespace,
            metric.name,
            frozenset((name, _resolved(stack, value)) for name, value in metric.dimensions),
        )
        for key, metric in watched(alarm).items()
    }


@cache
def physical_id(stack: Stack, name: str) -> str:
    """What ``Ref`` gives for a resource of the stack."""
    found = stack.client("cloudformation").describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=name)
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def reported_values(text: str, metric: Watched) -> list[float]:
    """What CloudWatch takes from these lines for exactly this metric.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    values: list[float] = []
    for line in text.splitlines():
        if not line.startswith("{") or '"_aws"' not in line:
            continue
        document = json.loads(line)
        for directive in document["_aws"]["CloudWatchMetrics"]:
            sets = {frozenset((name, document[name]) for name in names) for names in directive["Dimensions"]}
            names = {described["Name"] for described in directive["Metrics"]}
            if (directive["Namespace"], metric.name in names) == (metric.namespace, True) and metric.dimensions in sets:
                found = document[metric.name]
                values += found if isinstance(found, list) else [found]
    return values


def _resolved(stack: Stack, value: str) -> str:
    def one(found: re.Match[str]) -> str:
        name, attribute = found[1], found[2]
        if name in {"Stage", "AWS::StackName"}:
            return {"Stage": "local", "AWS::StackName": STACK_NAME}[name]
        physical = physical_id(stack, name)
        return physical.rpartition("/")[2] if attribute == "QueueName" else physical

    return re.sub(r"\$\{([\w:]+)(?:\.(\w+))?}", one, value)


def _metric(described: dict[str, Any]) -> Watched:
    dimensions = {(dimension["Name"], literal(dimension["Value"])) for dimension in described.get("Dimensions", [])}
    return Watched(described["Namespace"], described["MetricName"], frozenset(dimensions))
