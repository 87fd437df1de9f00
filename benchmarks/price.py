"""What 1,000 jobs cost on AWS, from counted calls and measured time. Pure.

US dollars, us-east-1, on demand, beyond the free tier, November 2026. Not in it: logs, traces, alarms, the secret and
data transfer, which depend on settings and traffic more than on the number of jobs.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

TRANSITION = Decimal("0.000025")
LAMBDA_GB_SECOND = Decimal("0.0000133334")
LAMBDA_REQUEST = Decimal("0.0000002")
API_REQUEST = Decimal("0.0000035")
WRITE_UNIT = Decimal("0.000000625")
READ_UNIT = Decimal("0.000000125")
S3_PUT = Decimal("0.000005")
S3_GET = Decimal("0.0000004")
EVENT = Decimal("0.000001")
SQS_REQUEST = Decimal("0.0000004")

# A frontend that follows Retry-After: a second apart, the second reading finds most jobs done.
POLLS = 2
# The sample subscriber: an event is sent to its queue, received and deleted.
QUEUE_REQUESTS_PER_EVENT = 3
# Memory buys CPU: a full one at 1,769 MB. https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
FULL_CPU_MB = 1769
READS = {"GetItem", "Query", "BatchGetItem", "TransactGetItems"}


@dataclass(frozen=True)
class Line:
    """One line of the bill for 1,000 jobs."""

    label: str
    per_job: str
    usd: Decimal


def lambda_ms(step: Mapping[str, Any], memory_mb: int) -> float:
    """The time a step takes with its function's share of a CPU: what it waits stays, what it computes stretches."""
    waits = max(0.0, step["wall_ms"] - step["cpu_ms"])
    return float(waits + step["cpu_ms"] * max(1.0, FULL_CPU_MB / memory_mb))


def bill(steps: Mapping[str, Any], memory_mb: Mapping[str, int], *, transitions: int, events: int) -> list[Line]:
    """The lines of 1,000 jobs. ``steps`` are those of ``benchmarks.calls``, ``events`` those published per job."""
    times = {step: POLLS if step == "read_jobs" else 1 for step in steps}
    functions = [step for step in steps if step in memory_mb]
    invocations = sum(times[step] for step in functions)
    gb_seconds = sum(
        times[step] * lambda_ms(steps[step], memory_mb[step]) / 1000 * memory_mb[step] / 1024 for step in functions
    )
    reads = writes = 0.0
    puts = 0
    for step, done in steps.items():
        for call in done["calls"]:
            service, _, operation = call["call"].partition(".")
            if service == "dynamodb" and operation in READS:
                reads += times[step] * call["units"]
            elif service == "dynamodb":
                writes += times[step] * call["units"]
            elif operation == "PutObject":
                puts += 1
    lines = [
        Line("API requests", f"1 POST, {POLLS} GET", 1000 * (1 + POLLS) * API_REQUEST),
        Line("state transitions", str(transitions), 1000 * transitions * TRANSITION),
        Line("Lambda requests", str(invocations), 1000 * invocations * LAMBDA_REQUEST),
        Line("Lambda time", f"{gb_seconds:.4f} GB-s", Decimal(f"{1000 * gb_seconds:.6f}") * LAMBDA_GB_SECOND),
        Line("DynamoDB writes", f"{writes:g} units", Decimal(str(1000 * writes)) * WRITE_UNIT),
        Line("DynamoDB reads", f"{reads:g} units", Decimal(str(1000 * reads)) * READ_UNIT),
        Line("events", str(events), 1000 * events * EVENT),
        Line(
            "SQS requests",
            str(events * QUEUE_REQUESTS_PER_EVENT),
            1000 * events * QUEUE_REQUESTS_PER_EVENT * SQS_REQUEST,
        ),
    ]
    if puts:
        lines.append(Line("S3 requests", f"{puts} PUT, {puts} GET", 1000 * puts * (S3_PUT + S3_GET)))
    return lines
