"""Counts the end of every job. Called with batches of AnalyticsQueue; what could not be counted goes back to it."""

from typing import Any

from promptmill.analytics.recording import marker_expires_at_seconds, read_arrival
from promptmill.analytics.store import RollupStore, rollup_store
from promptmill.clock import now_ms
from promptmill.metrics import report_job
from promptmill.settings import settings
from promptmill.step_log import log_given_up, logged_step


def lambda_handler(
    event: dict[str, Any], context: object, *, rollups: RollupStore | None = None, at_ms: int | None = None
) -> dict[str, Any]:
    stage, retention_days = settings().require("stage", "job_retention_days")
    until = marker_expires_at_seconds(at_ms=now_ms() if at_ms is None else at_ms, retention_days=int(retention_days))
    failed = []
    for message in event["Records"]:
        try:
            arrival = read_arrival(message["body"])
            job = arrival.job
            with logged_step("RecordAnalytics", event_id=job.event_id, correlation_id=job.correlation_id):
                is_new = (rollups or rollup_store()).count(job, marker_expires_at_seconds=until)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one event, the others are counted
            log_given_up("RecordAnalytics", error, message_id=message["messageId"])
            failed.append({"itemIdentifier": message["messageId"]})
            continue
        # A rebuild counts its jobs anew, and they were reported when they ended.
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
    return {"batchItemFailures": failed}
