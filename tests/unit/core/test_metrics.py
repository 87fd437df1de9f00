"""What CloudWatch reads from the line: the embedded metric format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from promptmill.clock import now_ms
from promptmill.metrics import NAMESPACE, report_counts, report_counts_by


def reported(capsys: pytest.CaptureFixture[str], counts: dict[str, int]) -> dict[str, Any]:
    report_counts(counts, stage="dev")
    (line,) = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def read_by_cloudwatch(line: dict[str, Any]) -> dict[str, list[float]]:
    """The values by metric, as the specification has CloudWatch find them."""
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    for dimensions in directive["Dimensions"]:
        assert all(isinstance(line[name], str) for name in dimensions)
    assert {metric["Unit"] for metric in directive["Metrics"]} <= {"Count"}
    found = {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]}
    return {name: value if isinstance(value, list) else [value] for name, value in found.items()}


def test_every_count_is_a_metric_of_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    line = reported(capsys, {"JobsSwept": 3, "JobsSweptExpired": 2, "JobsSweptFaulty": 1})
    assert read_by_cloudwatch(line) == {"JobsSwept": [3], "JobsSweptExpired": [2], "JobsSweptFaulty": [1]}
    ((*dimensions,),) = line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert sorted(dimensions) == ["service", "stage"]
    assert (line["service"], line["stage"]) == ("promptmill", "dev")
    assert abs(line["_aws"]["Timestamp"] - now_ms()) < 60_000


def test_nothing_done_is_a_zero_and_not_a_gap(capsys: pytest.CaptureFixture[str]) -> None:
    assert read_by_cloudwatch(reported(capsys, {"JobsSwept": 0})) == {"JobsSwept": [0]}


def test_a_line_tells_of_its_own_run_only(capsys: pytest.CaptureFixture[str]) -> None:
    reported(capsys, {"JobsSwept": 3, "JobsSweptExpired": 2})
    assert read_by_cloudwatch(reported(capsys, {"JobsSwept": 1})) == {"JobsSwept": [1]}


def test_counts_by_kind_model_and_outcome_are_counts_of_the_stage_too(capsys: pytest.CaptureFixture[str]) -> None:
    report_counts_by(
        {"ProviderCalls": 1}, kind="enhance", model="nova-2-lite", outcome="provider_throttled", stage="dev"
    )
    line = json.loads(capsys.readouterr().out)
    assert read_by_cloudwatch(line) == {"ProviderCalls": [1]}
    sets = [sorted(dimensions) for dimensions in line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]]
    assert sets == [["service", "stage"], ["kind", "model", "outcome", "service", "stage"]]
    assert (line["kind"], line["model"], line["outcome"]) == ("enhance", "nova-2-lite", "provider_throttled")


def test_the_next_line_has_no_kind_of_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    report_counts_by({"ProviderCalls": 1}, kind="image", model="flux-schnell", outcome="succeeded", stage="dev")
    capsys.readouterr()
    line = reported(capsys, {"JobsSwept": 1})
    assert len(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]) == 1
    assert "kind" not in line
