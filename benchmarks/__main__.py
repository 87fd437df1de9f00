"""``python -m benchmarks``: measures a fresh local stack, prints tables, writes ``benchmarks/results/<UTC time>.json``.

Latency over HTTP with one client, jobs per second with several, events on their way, cold starts, counted AWS calls and
state transitions, and what they cost. It stops by itself within ``LIMIT_SECONDS`` and leaves nothing running.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from benchmarks import (
    calls,
    cold_start,
    event_price,
    events,
    latency,
    machine,
    price,
    throughput,
    verification,
)
from benchmarks.goals import goals
from benchmarks.report import lines
from benchmarks.samples import summary
from local.sam import ROOT, StackError
from local.stack import running
from local.timeline import transitions
from promptmill.jobs.execution.address import execution_arn
from promptmill.jobs.execution.history import read_history

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.stack import Stack

RESULTS = Path(__file__).with_name("results")
LIMIT_SECONDS = 480
WARM_UP_JOBS = 6
ENHANCE_JOBS = 100
IMAGE_JOBS = 15
POLLS = 150
THROUGHPUT_JOBS = 60
COLD_ROUNDS = 7
CALL_ROUNDS = 6
VERIFICATIONS = 2000
FUNCTIONS = tuple(sorted(app.parent.name for app in (ROOT / "functions").glob("*/app.py")))


def main() -> int:
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(LIMIT_SECONDS)
    began = time.monotonic()
    try:
        results = _measure()
    except (TimeoutError, StackError, RuntimeError, httpx.HTTPError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    results["seconds"] = round(time.monotonic() - began, 1)
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
    print()
    print("\n".join(lines(results)))
    print(f"\nWritten to {path.relative_to(ROOT)} after {results['seconds']:.0f} s.")
    return 0


def _measure() -> dict[str, Any]:
    results: dict[str, Any] = {"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "machine": machine.facts()}
    _say("bringing a fresh stack up")
    with running(ROOT / ".local" / "bench") as stack:
        variables, memory_mb = _functions(stack)
        results["memory_mb"] = memory_mb
        _say(f"latency: {ENHANCE_JOBS} enhance jobs, {IMAGE_JOBS} image jobs, {POLLS} polls")
        latency.time_jobs(stack, latency.ENHANCE, n=WARM_UP_JOBS)
        latency.time_jobs(stack, latency.IMAGE, n=2)
        posts, enhanced, text_ids = latency.time_jobs(stack, latency.ENHANCE, n=ENHANCE_JOBS)
        _, drawn, image_ids = latency.time_jobs(stack, latency.IMAGE, n=IMAGE_JOBS)
        polls, health = latency.time_polls(stack, n=POLLS)
        with httpx.Client() as endpoint:
            bare = latency.time_calls(lambda: endpoint.get(f"{stack.endpoint_url}/_ministack/health"), n=POLLS)
        samples = {
            "post": posts,
            "enhance_end_to_end": enhanced,
            "image_end_to_end": drawn,
            "poll": polls,
            "health": health,
            "endpoint": bare,
        }
        results["latency_ms"] = {name: asdict(summary(values)) for name, values in samples.items()}
        _say(f"throughput: at least {THROUGHPUT_JOBS} jobs polled and as many waited for, by 1, 4 and 8 clients")
        results["throughput"] = throughput.measure(stack, jobs=THROUGHPUT_JOBS)
        numbers = events.Numbers()
        _say(
            f"events: {numbers.published} to a queue, {numbers.delivered_at_once} to a webhook, "
            f"{numbers.counted_at_once} to be counted"
        )
        results["events"] = events.measure(stack, numbers)
        _say("AWS calls: every handler in a process of its own")
        built = Path(stack.built_template).parent
        results["calls"] = calls.measure(stack, built, variables, rounds=CALL_ROUNDS)
        with events.pairs(stack, n=CALL_ROUNDS) as pairs:
            results["event_calls"] = calls.measure_events(stack, built, variables, pairs)
        # The first job of an address: its rate check is one state.
        histories = {"enhance": _history(stack, text_ids[0]), "image": _history(stack, image_ids[0])}
        results["transitions"] = {kind: _transitions(history) for kind, history in histories.items()}
        model_usd = {"enhance": _model_usd(stack, text_ids[0]), "image": _model_usd(stack, image_ids[0])}
        results["usd_per_1000_jobs"] = {
            kind: _bill(results["calls"][kind], memory_mb, results["transitions"][kind], history, model_usd[kind])
            for kind, history in histories.items()
        }
        results["usd_per_1000_events"] = {
            way: _priced(found, event_price.waiting_usd(memory_mb))
            for way, found in event_price.bills(results["event_calls"], memory_mb).items()
        }
        waited_for = {name: variables[name] for name in cold_start.FUNCTIONS}
        _say(f"cold starts: {COLD_ROUNDS} rounds of {len(waited_for) + 1} processes, twice")
        with tempfile.TemporaryDirectory() as scratch:
            results["cold_start"] = cold_start.measure(built, waited_for, rounds=COLD_ROUNDS, scratch=Path(scratch))
        _say(f"tokens: {VERIFICATIONS} verifications for each algorithm")
        verified = verification.measure(built, n=VERIFICATIONS)
        results["verification_cpu_ms"] = {name: asdict(summary(values)) for name, values in verified.items()}
    results["goals"] = [{**asdict(goal), "met": goal.is_met} for goal in goals(results)]
    return results


def _functions(stack: Stack) -> tuple[dict[str, dict[str, str]], dict[str, int]]:
    """The variables and the memory of each function, by folder name."""
    configurations = stack.client("lambda").list_functions()["Functions"]
    variables, memory_mb = {}, {}
    for name in FUNCTIONS:
        logical_id = "".join(part.title() for part in name.split("_")) + "Function"
        (found,) = (one for one in configurations if f"-{logical_id}-" in one["FunctionName"])
        variables[name] = found["Environment"]["Variables"]
        memory_mb[name] = found["MemorySize"]
    return variables, memory_mb


def _history(stack: Stack, job_id: str) -> list[dict[str, Any]]:
    arn = execution_arn(stack.state_machine_arn, job_id)
    events: list[dict[str, Any]] = stack.client("stepfunctions").get_execution_history(executionArn=arn)["events"]
    return events


def _transitions(history: list[dict[str, Any]]) -> int:
    execution = read_history(history)
    return transitions(execution) if execution else 0


def _model_usd(stack: Stack, job_id: str) -> Decimal:
    key = {"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "JOB"}}
    item = stack.client("dynamodb").get_item(TableName=stack.jobs_table, Key=key)["Item"]
    return Decimal(json.loads(item["cost"]["S"])["model_usd"])


def _bill(
    steps: Mapping[str, Any],
    memory_mb: Mapping[str, int],
    transition_count: int,
    history: list[dict[str, Any]],
    model_usd: Decimal,
) -> dict[str, Any]:
    # Every state that publishes was scheduled once and put one event.
    resources = [event.get("taskScheduledEventDetails", {}).get("resource", "") for event in history]
    published = sum(resource.endswith("putEvents") for resource in resources)
    found = price.bill(steps, memory_mb, transitions=transition_count, events=published)
    waiting = max(memory_mb[step] for step in steps if step.startswith("invoke_"))
    per_second = 1000 * Decimal(waiting) / 1024 * price.LAMBDA_GB_SECOND
    return {**_priced(found, per_second), "model": f"{1000 * model_usd:.6f}"}


def _priced(found: Sequence[price.Line], per_waiting_second: Decimal) -> dict[str, Any]:
    return {
        "lines": [{"label": line.label, "amount": line.amount, "usd": f"{line.usd:.6f}"} for line in found],
        "sum": f"{sum(line.usd for line in found):.6f}",
        "per_waiting_second": f"{per_waiting_second:.6f}",
    }


def _say(what: str) -> None:
    print(f"  {what} …", flush=True)


def _give_up(*_: object) -> None:
    raise TimeoutError(f"the benchmark did not end within {LIMIT_SECONDS} seconds")


if __name__ == "__main__":
    sys.exit(main())
