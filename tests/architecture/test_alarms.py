"""What an alarm has to be, and what has to have one. When it rings: test_alarm_figures.py; that: tests/e2e."""

from __future__ import annotations

import re

import pytest

from local.rendering import ROOT
from promptmill.events.webhooks.schedule import MAX_DELAY_MS
from promptmill.http.prefer import MAX_WAIT_SECONDS
from promptmill.metrics import NAMESPACE
from promptmill.providers.interface import ATTEMPT_SECONDS
from tests.architecture.machines import MACHINES
from tests.architecture.metrics import METRICS, is_reported
from tests.architecture.test_queues import readers
from tests.architecture.test_template import LAST_QUEUES
from tests.support.alarms import Watched, alarms, divisors, expression, watched
from tests.support.grants import of_type, rendered

NEAR_TIMEOUT = {name for name in alarms() if name.endswith("NearTimeoutAlarm")}
# CloudWatch allows no more in an alarm on an expression.
MOST_METRICS = 10
# Whoever causes these events waits for the function.
WAITED_FOR = {"Api", "Cognito"}


def all_watched() -> set[Watched]:
    return {metric for name in alarms() for metric in watched(name).values()}


def timeout_seconds(function: str) -> int:
    found: int = of_type("AWS::Lambda::Function")[function]["Timeout"]
    return found


@pytest.mark.parametrize("name", sorted(alarms()))
def test_an_alarm_says_what_happened_tells_the_topic_and_is_quiet_or_loud_on_purpose_without_data(name: str) -> None:
    alarm = alarms()[name]
    assert alarm["AlarmDescription"].endswith(".")
    topic = {"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    assert alarm["AlarmActions"] == topic
    # Only where a report every minute is what is watched is none a reason to ring.
    reports = alarm.get("Statistic") == "SampleCount"
    assert alarm["TreatMissingData"] == ("breaching" if reports else "notBreaching")
    assert len(watched(name)) <= MOST_METRICS


@pytest.mark.parametrize("name", sorted(alarms()))
def test_an_alarm_has_a_paragraph_on_what_it_means_and_what_to_do(name: str) -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = re.search(r"^## Alarms\n(.*?)^## ", page, re.MULTILINE | re.DOTALL)
    assert section is not None
    paragraph = re.search(rf"^\*\*{name}\*\*: (.+?)\n\n", section[1], re.MULTILINE | re.DOTALL)
    assert paragraph is not None
    assert len(paragraph[1].split()) > 15, "what it means, where to look, what to do"


@pytest.mark.parametrize("name", sorted(alarms()))
def test_an_alarm_watches_a_metric_that_there_is(name: str) -> None:
    for metric in watched(name).values():
        names = frozenset(key for key, _ in metric.dimensions)
        if metric.namespace == NAMESPACE:
            assert is_reported(metric.name), metric.name
            assert dict(metric.dimensions) == {"service": "promptmill", "stage": "${Stage}"}
        else:
            assert names in METRICS[metric.namespace, metric.name]
        for _, value in metric.dimensions:
            resource = re.fullmatch(r"\$\{(\w+)(?:\.\w+)?}", value)
            assert resource is None or resource[1] in {*rendered(), "Stage"}, value


def test_what_the_alarms_cost_is_counted_from_the_metrics_they_look_at() -> None:
    """AWS asks for each metric of each alarm (https://aws.amazon.com/cloudwatch/pricing/)."""
    metrics = sum(len(watched(name)) for name in alarms())
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert f"${metrics / 10:.2f} for the alarms ($0.10 for each of the {metrics} metrics they look at)" in page


def test_an_expression_uses_each_of_its_metrics() -> None:
    for name, alarm in alarms().items():
        if "Metrics" in alarm:
            assert set(watched(name)) <= set(re.findall(r"[a-z]\w*", expression(name))), name


def test_every_queue_a_person_empties_has_an_alarm_of_its_own() -> None:
    for queue in LAST_QUEUES:
        depth = Watched(
            "AWS/SQS", "ApproximateNumberOfMessagesVisible", frozenset({("QueueName", f"${{{queue}.QueueName}}")})
        )
        (name,) = [name for name in alarms() if depth in watched(name).values()]
        assert alarms()[name]["Threshold"] == 0
        assert set(watched(name).values()) == {depth}


def test_every_queue_a_function_is_fed_from_has_an_alarm_on_the_oldest_message() -> None:
    for queue in readers():
        age = Watched("AWS/SQS", "ApproximateAgeOfOldestMessage", frozenset({("QueueName", f"${{{queue}.QueueName}}")}))
        (name,) = [name for name in alarms() if age in watched(name).values()]
        properties = of_type("AWS::SQS::Queue")[queue]
        # A message that no attempt takes is away before; its alarm is the dead-letter queue's.
        attempts = properties["RedrivePolicy"]["maxReceiveCount"]
        kept_back_seconds = MAX_DELAY_MS // 1000 if queue == "DeliveriesQueue" else 0
        assert alarms()[name]["Threshold"] > kept_back_seconds + attempts * properties["VisibilityTimeout"]


def test_every_workflow_has_an_alarm_on_executions_that_failed_and_on_those_that_took_too_long() -> None:
    for machine in of_type("AWS::StepFunctions::StateMachine"):
        dimensions = frozenset({("StateMachineArn", f"${{{machine}}}")})
        failed = {Watched("AWS/States", metric, dimensions) for metric in ("ExecutionsFailed", "ExecutionsTimedOut")}
        assert failed <= all_watched(), machine


def test_every_function_on_a_schedule_has_an_alarm_for_when_it_does_not_report() -> None:
    scheduled = {
        schedule["Target"]["Arn"]["Fn::GetAtt"][0] for schedule in of_type("AWS::Scheduler::Schedule").values()
    }
    silent = {name for name, alarm in alarms().items() if alarm.get("Statistic") == "SampleCount"}
    assert len(scheduled) == len(silent)
    assert all(alarms()[name]["ComparisonOperator"] == "LessThanThreshold" for name in silent)


def waited_for() -> set[str]:
    """The functions that a caller or a job waits for."""
    from local.rendering import read_template

    generation = next(machine for machine in MACHINES if "InvokeBedrock" in machine.states)
    found = {f"{state}Function" for state in generation.states} & set(of_type("AWS::Lambda::Function"))
    for name, resource in read_template()["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            events = resource["Properties"].get("Events", {}).values()
            found |= {name} if any(event["Type"] in WAITED_FOR for event in events) else set()
    return found | {"AuthorizeCallerFunction"}


def test_every_function_that_somebody_waits_for_has_an_alarm_on_its_slowest_hundredth() -> None:
    slow = {function_of(metric) for name in NEAR_TIMEOUT for metric in watched(name).values()}
    assert slow == waited_for()


def function_of(metric: Watched) -> str:
    ((key, value),) = metric.dimensions
    assert (metric.namespace, metric.name, key) == ("AWS/Lambda", "Duration", "FunctionName")
    return value.removeprefix("${").removesuffix("}")


@pytest.mark.parametrize("name", sorted(NEAR_TIMEOUT))
def test_near_is_measured_by_the_timeout_of_each_function(name: str) -> None:
    text = expression(name)
    assert re.fullmatch(r"MAX\(\[(FILL\(\w+, 0\) / \d+(, )?)+]\) / 10", text)
    by_function = {function_of(watched(name)[metric]): divisor for metric, divisor in divisors(text)}
    assert by_function == {function: timeout_seconds(function) for function in by_function}
    assert len(by_function) == len(watched(name))
    assert {row["MetricStat"]["Stat"] for row in alarms()[name]["Metrics"] if "MetricStat" in row} == {"p99"}


def test_who_waits_on_purpose_rings_no_alarm() -> None:
    submit_percent = 100 * MAX_WAIT_SECONDS / timeout_seconds("SubmitJobFunction")
    assert submit_percent < alarms()["JobRoutesNearTimeoutAlarm"]["Threshold"]
    assert MAX_WAIT_SECONDS * 1000 < alarms()["ApiLatencyAlarm"]["Threshold"] < 29_000
    bedrock_percent = 100 * ATTEMPT_SECONDS / timeout_seconds("InvokeBedrockFunction")
    assert bedrock_percent < alarms()["StepsNearTimeoutAlarm"]["Threshold"]


def test_a_budget_is_only_made_for_somebody_who_is_told_of_it() -> None:
    (budget,) = [resource for resource in rendered().values() if resource["Type"] == "AWS::Budgets::Budget"]
    assert budget["Condition"] == "HasBudget"
    properties = budget["Properties"]
    assert properties["Budget"]["CostFilters"] == {"TagKeyValue": ["user:application$promptmill"]}
    assert properties["Budget"]["BudgetLimit"]["Amount"] == {"Ref": "MonthlyBudgetUsd"}
    told = [
        (row["Notification"]["NotificationType"], row["Notification"]["Threshold"], row["Subscribers"][0]["Address"])
        for row in properties["NotificationsWithSubscribers"]
    ]
    assert told == [("FORECASTED", 80, {"Ref": "BudgetEmail"}), ("ACTUAL", 100, {"Ref": "BudgetEmail"})]
