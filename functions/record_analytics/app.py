"""Counts the end of every job. Called with batches of AnalyticsQueue; what could not be counted goes back to it."""

from typing import Any

from promptmill.analytics.recording import read_arrival
from promptmill.analytics.store import RollupStore, rollup_store
from promptmill.batch import each_message
from promptmill.clock import now_ms
from promptmill.metrics import report_job
from promptmill.settings import settings
from promptmill.step_log import logged_step


def lambda_handler(
    event: dict[str, Any], context: object, *, rollups: RollupStore | None = None, at_ms: int | None = None
) -> dict[str, Any]:
    stage, retention_days = settings().require("stage", "job_retention_days")
    counted_at_ms = now_ms() if at_ms is None else at_ms

    def handle(body: str) -> None:
        arrival = read_arrival(body)
        job = arrival.job
        with logged_step("RecordAnalytics", event_id=job.event_id, correlation_id=job.correlation_id):
            is_new = (rollups or rollup_store()).count(job, at_ms=counted_at_ms, retention_days=int(retention_days))
        # A rebuild replays what was reported when it was first counted, but for what waited in the queue just then.
        if is_new and not arrival.replayed:
            key = job.row.key
            report_job(
                stage=stage,
                kind=key.kind,
                model=key.model,
                outcome=key.status,
                duration_ms=job.duration_ms,
                cost_usd=job.cost_usd,
            )

    return each_message(event, "RecordAnalytics", handle)
