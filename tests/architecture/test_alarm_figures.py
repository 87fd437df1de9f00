"""The figures at which alarms ring, as docs/operations.md promises them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.alarms import alarms, expression


@dataclass(frozen=True)
class Figures:
    """Rings when ``statistic`` of ``seconds`` is beyond ``threshold``, ``times`` of the last ``of`` times."""

    statistic: str
    threshold: float | dict[str, str]
    seconds: int = 300
    times: int = 1
    of: int = 1
    comparison: str = "GreaterThanThreshold"
    without_data: str = "notBreaching"


ANY = Figures("Sum", 0)
IN_QUEUE = Figures("Maximum", 0)
HALF_AN_HOUR = Figures("Maximum", 30 * 60)
NO_REPORT = Figures("SampleCount", 1, comparison="LessThanThreshold", without_data="breaching")
# Thresholds of rates and of what is near a timeout are percents, the API's own rate is a part of 1.
PROMISED = {
    "WorkflowFailuresAlarm": Figures("Sum", 1, seconds=15 * 60),
    "DeletionFailuresAlarm": ANY,
    "InteractionFailuresAlarm": ANY,
    "ApiFaultsAlarm": Figures("Average", 0.05, times=2, of=3),
    "ApiLatencyAlarm": Figures("p99", 27_000, times=3, of=3),
    "JobRoutesNearTimeoutAlarm": Figures("p99", 90, times=3, of=3),
    "AccountRoutesNearTimeoutAlarm": Figures("p99", 90, times=3, of=3),
    "StepsNearTimeoutAlarm": Figures("p99", 80, times=3, of=3),
    "ThrottlesAlarm": Figures("Sum", 10),
    "ProviderErrorsAlarm": Figures("Sum", 25, seconds=15 * 60),
    "DailySpendAlarm": Figures("Sum", {"Ref": "DailySpendAlarmUsd"}, seconds=24 * 60 * 60),
    "ParkedEventsAlarm": IN_QUEUE,
    "DeadLettersAlarm": IN_QUEUE,
    "InteractionsDeadLettersAlarm": IN_QUEUE,
    "SubscriberDeadLettersAlarm": IN_QUEUE,
    "WebhookEventsDeadLettersAlarm": IN_QUEUE,
    "DeliveriesDeadLettersAlarm": IN_QUEUE,
    "AnalyticsDeadLettersAlarm": IN_QUEUE,
    "WebhookEventsWaitAlarm": HALF_AN_HOUR,
    "DeliveriesWaitAlarm": Figures("Maximum", 35 * 60),
    "AnalyticsWaitAlarm": HALF_AN_HOUR,
    "WebhooksDisabledAlarm": ANY,
    "SweeperAlarm": NO_REPORT,
    "FaultyJobsAlarm": ANY,
    "ReleaseDeliveriesAlarm": NO_REPORT,
    "ReleasesCutShortAlarm": ANY,
}


def figures(name: str) -> Figures:
    alarm = alarms()[name]
    # All metrics of an expression are counted alike.
    ((statistic, seconds),) = {
        (row["MetricStat"]["Stat"], row["MetricStat"]["Period"])
        for row in alarm.get("Metrics", [])
        if "MetricStat" in row
    } or {(alarm.get("Statistic") or alarm["ExtendedStatistic"], alarm["Period"])}
    return Figures(
        statistic,
        alarm["Threshold"],
        seconds=seconds,
        times=alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]),
        of=alarm["EvaluationPeriods"],
        comparison=alarm["ComparisonOperator"],
        without_data=alarm["TreatMissingData"],
    )


@pytest.mark.parametrize("name", sorted(alarms().keys() | PROMISED.keys()))
def test_an_alarm_rings_at_what_was_promised(name: str) -> None:
    assert figures(name) == PROMISED[name]


@pytest.mark.parametrize(
    ("name", "sums", "rings"),
    [
        pytest.param("WorkflowFailuresAlarm", {"failed": 2, "timed_out": None, "started": 199}, True, id="over 1 %"),
        pytest.param("WorkflowFailuresAlarm", {"failed": 1, "timed_out": 1, "started": 199}, True, id="of two kinds"),
        pytest.param("WorkflowFailuresAlarm", {"failed": 2, "timed_out": 0, "started": 200}, False, id="1 %"),
        pytest.param("WorkflowFailuresAlarm", {"failed": 1, "timed_out": None, "started": 1}, False, id="a single job"),
        pytest.param("DeletionFailuresAlarm", {"failed": 1, "timed_out": None}, True, id="a deletion failed"),
        pytest.param("DeletionFailuresAlarm", {"failed": None, "timed_out": 1}, True, id="a deletion timed out"),
        pytest.param("InteractionFailuresAlarm", {"failed": 1, "timed_out": None}, True, id="an interaction failed"),
        pytest.param("InteractionFailuresAlarm", {"failed": None, "timed_out": 1}, True, id="an interaction timed out"),
        pytest.param("ProviderErrorsAlarm", {"errors": 6, "calls": 20}, True, id="over a quarter"),
        pytest.param("ProviderErrorsAlarm", {"errors": 5, "calls": 20}, False, id="a quarter"),
        pytest.param("ProviderErrorsAlarm", {"errors": None, "calls": 20}, False, id="none"),
        pytest.param("ProviderErrorsAlarm", {"errors": 19, "calls": 19}, False, id="too few calls for a rate"),
    ],
)
def test_an_expression_has_its_alarm_ring_for_what_was_promised(
    name: str,
    sums: dict[str, int | None],
    rings: bool,  # noqa: FBT001 - a column
) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html."""
    functions: dict[str, Any] = {
        "FILL": lambda value, filler: filler if value is None else value,
        "IF": lambda condition, value, otherwise: value if condition else otherwise,
    }
    # What this much of CloudWatch's language means in Python too.
    value = eval(expression(name), functions, sums)
    assert (value > alarms()[name]["Threshold"]) is rings
