"""What the template's alarms watch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from tests.support.grants import literal, of_type

if TYPE_CHECKING:
    from collections.abc import Iterator


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


def _metric(described: dict[str, Any]) -> Watched:
    dimensions = {(dimension["Name"], literal(dimension["Value"])) for dimension in described.get("Dimensions", [])}
    return Watched(described["Namespace"], described["MetricName"], frozenset(dimensions))
