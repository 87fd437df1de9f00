"""What CloudWatch reads from the line: the embedded metric format."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from promptmill.clock import now_ms
from promptmill.metrics import NAMESPACE, report_counts, report_job

UNITS = {"JobDuration": "Milliseconds", "JobCostUsd": "None"}


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
    assert all(metric["Unit"] == UNITS.get(metric["Name"], "Count") for metric in directive["Metrics"])
    found = {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]}
    return {name: value if isinstance(value, list) else [value] for name, value in found.items()}


@pytest.fixture(autouse=True)
def _service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "promptmill")


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


@pytest.mark.parametrize(("model", "named"), [("nova-pro", "nova-pro"), (None, "none")])
def test_a_job_is_reported_in_all_and_by_its_kind_model_and_outcome(
    capsys: pytest.CaptureFixture[str], model: str | None, named: str
) -> None:
    for _ in range(2):
        report_job(
            kind="enhance", model=model, outcome="failed", duration_ms=812, cost_usd=Decimal("0.0012"), stage="dev"
        )
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert read_by_cloudwatch(second) == {"JobsFinished": [1], "JobDuration": [812], "JobCostUsd": [0.0012]}
    in_all, in_detail = (set(names) for names in second["_aws"]["CloudWatchMetrics"][0]["Dimensions"])
    assert in_all == {"service", "stage"}
    assert in_detail == {"service", "stage", "kind", "model", "outcome"}
    assert {name: second[name] for name in in_detail} == {
        "service": "promptmill", "stage": "dev", "kind": "enhance", "model": named, "outcome": "failed",
    }  # fmt: skip
    assert first["_aws"]["CloudWatchMetrics"] == second["_aws"]["CloudWatchMetrics"]


def test_what_a_job_was_reported_with_is_on_no_line_of_counts(capsys: pytest.CaptureFixture[str]) -> None:
    report_job(kind="image", model=None, outcome="failed", duration_ms=1, cost_usd=Decimal(0), stage="dev")
    capsys.readouterr()
    line = reported(capsys, {"JobsSwept": 1})
    ((*dimensions,),) = line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert sorted(dimensions) == ["service", "stage"]
    assert "kind" not in line
