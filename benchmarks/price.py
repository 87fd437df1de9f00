"""What 1,000 jobs cost on AWS, from counted calls and measured time. Pure.

US dollars, us-east-1, on demand, beyond the free tier, November 2026. Not in it: logs, traces, alarms, the secret and
data transfer, which depend on settings and traffic more than on the number of jobs.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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
    """One line of a bill for 1,000. ``amount`` is what each of them uses."""

    label: str
    amount: str
    usd: Decimal


def lambda_ms(step: Mapping[str, Any], memory_mb: int) -> float:
    """The time a step takes with its function's share of a CPU: what it waits stays, what it computes stretches."""
    waits = max(0.0, step["wall_ms"] - step["cpu_ms"])
    return float(waits + step["cpu_ms"] * max(1.0, FULL_CPU_MB / memory_mb))


def bill(steps: Mapping[str, Any], memory_mb: Mapping[str, int], *, transitions: int, events: int) -> list[Line]:
    """The lines of 1,000 jobs. ``steps`` are those of ``benchmarks.calls``, ``events`` those published per job."""
    times = {step: POLLS if step == "read_jobs" else 1 for step in steps}
    runs = [(done, memory_mb[step]) for step, done in steps.items() if step in memory_mb for _ in range(times[step])]
    calls = [call for step, done in steps.items() for call in done["calls"] * times[step]]
    puts = sum(call["call"].endswith(".PutObject") for call in calls)
    requests = events * QUEUE_REQUESTS_PER_EVENT
    lines = [
        Line("API requests", f"1 POST, {POLLS} GET", 1000 * (1 + POLLS) * API_REQUEST),
        Line("state transitions", str(transitions), 1000 * transitions * TRANSITION),
        *lambda_lines(runs),
        *unit_lines(calls),
        Line("events", str(events), 1000 * events * EVENT),
        Line("SQS requests", str(requests), 1000 * requests * SQS_REQUEST),
    ]
    if puts:
        lines.append(Line("S3 requests", f"{puts} PUT, {puts} GET", 1000 * puts * (S3_PUT + S3_GET)))
    return lines


def lambda_lines(runs: Sequence[tuple[Mapping[str, Any], int]]) -> list[Line]:
    """Invocations and their time. A run is a step and the memory of its function."""
    gb_seconds = sum(lambda_ms(done, memory_mb) / 1000 * memory_mb / 1024 for done, memory_mb in runs)
    return [
        Line("Lambda requests", str(len(runs)), 1000 * len(runs) * LAMBDA_REQUEST),
        Line("Lambda time", f"{gb_seconds:.4f} GB-s", Decimal(f"{1000 * gb_seconds:.6f}") * LAMBDA_GB_SECOND),
    ]


def unit_lines(calls: Iterable[Mapping[str, Any]]) -> list[Line]:
    """The DynamoDB units of these calls."""
    reads = writes = 0.0
    for call in calls:
        service, _, operation = call["call"].partition(".")
        if service == "dynamodb" and operation in READS:
            reads += call["units"]
        elif service == "dynamodb":
            writes += call["units"]
    return [
        Line("DynamoDB writes", f"{writes:g} units", Decimal(str(1000 * writes)) * WRITE_UNIT),
        Line("DynamoDB reads", f"{reads:g} units", Decimal(str(1000 * reads)) * READ_UNIT),
    ]
