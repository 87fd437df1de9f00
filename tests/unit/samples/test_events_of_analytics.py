"""As ``test_lambda_events``, of the functions of the rollups."""

from __future__ import annotations

import json

import pytest

from promptmill.clock import epoch_ms
from promptmill.http.analytics_routes import analytics_api
from promptmill.http.resolver import resolve
from tests.support.functions import handler
from tests.support.published import check_event
from tests.unit.analytics.fakes import MemoryRollups, an_outcome, counted
from tests.unit.samples.samples import sample


def test_record_analytics_counts_the_job_of_its_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPTMILL_JOB_RETENTION_DAYS", "90")
    event, rollups = sample("record_analytics"), MemoryRollups()
    detail = json.loads(event["Records"][0]["body"])["detail"]
    check_event("job.succeeded", detail)
    assert handler("record_analytics")(event, None, rollups=rollups) == {"batchItemFailures": []}
    assert list(rollups.jobs) == [detail["metadata"]["id"]]


def test_read_analytics_reports_on_the_jobs_of_its_caller() -> None:
    event = sample("read_analytics")
    owner = event["requestContext"]["authorizer"]["owner"]
    rollups = counted(an_outcome(owner=owner), an_outcome())
    answer = resolve(analytics_api(rollups, lambda: epoch_ms("2026-11-21T10:00:00.000Z")), event, None)
    assert answer["statusCode"] == 200
    (group,) = json.loads(answer["body"])["data"]
    assert (group["group"], group["jobs"]) == ({"day": "2026-11-21", "model": "nova-2-lite"}, 1)
