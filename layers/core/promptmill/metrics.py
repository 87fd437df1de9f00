"""Counts for operators: CloudWatch metrics in the namespace ``Promptmill``, written to the log as the embedded format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from aws_lambda_powertools.metrics import EphemeralMetrics

NAMESPACE = "Promptmill"


@cache
def _metrics() -> EphemeralMetrics:
    from aws_lambda_powertools.metrics import EphemeralMetrics

    return EphemeralMetrics(namespace=NAMESPACE)


def report_counts(counts: Mapping[str, int], *, stage: str) -> None:
    """Writes one line with all of these metrics, of this stage."""
    from aws_lambda_powertools.metrics import MetricUnit

    _metrics().set_default_dimensions(stage=stage)
    for name, count in counts.items():
        _metrics().add_metric(name, MetricUnit.Count, count)
    _metrics().flush_metrics()


def report_job(*, kind: str, model: str | None, outcome: str, duration_ms: int, cost_usd: Decimal, stage: str) -> None:
    """Writes one line with the metrics of a job that ended: of this stage, and of its kind, model and outcome there.

    A job without a model has the model ``none``.
    """
    from aws_lambda_powertools.metrics import MetricUnit

    metrics = _metrics()
    metrics.set_default_dimensions(stage=stage)
    # The library adds the service to its first set of dimensions only.
    metrics.add_dimensions(service=str(metrics.service), kind=kind, model=model or "none", outcome=outcome)
    metrics.add_metric("JobsFinished", MetricUnit.Count, 1)
    metrics.add_metric("JobDuration", MetricUnit.Milliseconds, duration_ms)
    metrics.add_metric("JobCostUsd", MetricUnit.NoUnit, float(cost_usd))
    metrics.flush_metrics()
