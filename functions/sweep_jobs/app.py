"""Finishes jobs that their executions did not. Called every minute; what it did is counted as metrics."""

from typing import Any

from promptmill.clock import now_ms
from promptmill.events.publish import event_bus
from promptmill.jobs.gateway import generation_workflow
from promptmill.jobs.settling.settlement import Settlement
from promptmill.jobs.settling.store import settling_store
from promptmill.limits.spending.store import spending_store
from promptmill.metrics import report_counts
from promptmill.settings import settings

# What one job takes at its slowest: four calls of DynamoDB of three seconds, three of other services tried twice.
RESERVE_MS = 30_000


def lambda_handler(
    event: dict[str, Any], context: Any, *, settlement: Settlement | None = None, at_ms: int | None = None
) -> dict[str, int]:
    parts = settlement or Settlement(settling_store(), generation_workflow(), event_bus(), spending_store())
    done = parts.sweep(
        at_ms=now_ms() if at_ms is None else at_ms,
        has_time=lambda: context.get_remaining_time_in_millis() > RESERVE_MS,
    )
    (stage,) = settings().require("stage")
    swept = {f"JobsSwept{verdict.title()}": count for verdict, count in done.items()}
    report_counts({"JobsSwept": done.total()} | swept, stage=stage)
    return dict(done)
