"""Counts for operators: CloudWatch metrics in the namespace ``Promptmill``, written to the log as the embedded format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

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
