"""The measurements as tables for people."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from benchmarks.event_price import WAYS
from benchmarks.goals import goals
from benchmarks.samples import HEADING, Summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LATENCIES = {
    "post": "POST /v1/jobs",
    "enhance_end_to_end": "enhance job, end to end",
    "image_end_to_end": "image job, end to end",
    "poll": "GET /v1/jobs/{id}",
    "health": "GET /v1/health",
    "endpoint": "MiniStack itself",
}
AT_ONCE = {
    "post": "POST /v1/jobs",
    "poll": "GET /v1/jobs/{id}",
    "end_to_end": "enhance job, end to end, polled",
    "wait": "enhance job, end to end, Prefer: wait",
    "list": "GET /v1/jobs, a page of nine",
}


ON_THE_WAY = {
    "publish": "published and in a subscriber's queue",
    "delivery": "published and at a webhook's receiver",
}


def lines(results: Mapping[str, Any]) -> Iterator[str]:
    machine = results["machine"]
    yield (
        f"{machine['cores']} cores, {machine['processor']}, Python {machine['python']}, "
        f"MiniStack {machine['ministack']}, load {machine['load_average_before'][0]} before, commit {machine['commit']}"
        f"{' and uncommitted changes' if machine['uncommitted_changes'] else ''}"
    )
    yield from _latency(results["latency_ms"])
    yield from _throughput(results["throughput"])
    yield from _events(results["events"])
    yield from _cold_starts(results["cold_start"])
    yield f"\nVerifying a token, CPU time in ms{'':<15} {HEADING}"
    yield from (f"  {name:<43} {Summary(**found)}" for name, found in results["verification_cpu_ms"].items())
    for kind, steps in results["calls"].items():
        yield from _calls(f"one {kind} job with one poll", steps)
    yield from _calls("events, each alone, and of a report", results["event_calls"])
    yield from _bills(results)
    yield "\nGoals"
    yield from (f"  {goal}" for goal in goals(results))


def _latency(latency: Mapping[str, Any]) -> Iterator[str]:
    yield f"\nLatency in ms, one client, stand-ins answer   {HEADING}"
    for name, label in LATENCIES.items():
        yield f"  {label:<43} {Summary(**latency[name])}"


def _throughput(throughput: Mapping[str, Any]) -> Iterator[str]:
    for clients, found in throughput.items():
        rates = found["jobs_per_second"]
        yield (
            f"\n{clients} client{'s' if clients != '1' else ''} at once: {rates['polled']:.1f} jobs/s when polled, "
            f"{rates['waited']:.1f} jobs/s when waited for, in ms   {HEADING}"
        )
        for name, label in AT_ONCE.items():
            yield f"  {label:<43} {Summary(**found['latency_ms'][name])}"


def _cold_starts(cold: Mapping[str, Any]) -> Iterator[str]:
    titles = {
        "as_deployed": "Cold start, with the layer's bytecode in it",
        "without_bytecode": "Cold start, with the layer as plain sam build leaves it",
    }
    for state, title in titles.items():
        floor = cold[state]["floor"]
        yield f"\n{title}"
        yield f"  {'':<18} {'import app':>11} {'':>8} {'and ready':>11} {'':>8} {'peak memory':>12}"
        for name, run in cold[state].items():
            label = "boto3 + 1 client" if name == "floor" else name
            times = [
                f"{run[key]:>8.0f} ms {run[key] / floor['ready_ms']:>7.2f}×" for key in ("imported_ms", "ready_ms")
            ]
            yield f"  {label:<18} {times[0]} {times[1]} {run['peak_kib'] / 1024:>9.1f} MB"


def _events(events: Mapping[str, Any]) -> Iterator[str]:
    yield f"\nEvents in ms, one after the other              {HEADING}"
    for name, label in ON_THE_WAY.items():
        yield f"  {label:<43} {Summary(**events['latency_ms'][name])}"
    at_once, rates = events["at_once"], events["per_second"]
    yield (
        f"\nPublished at once: of {at_once['deliveries']} events {rates['deliveries']:.1f}/s reach a webhook, by "
        f"{events['functions_at_once']} functions at a time; of {at_once['counted']} outcomes {rates['counted']:.1f}/s "
        "are counted"
    )


def _calls(what: str, steps: Mapping[str, Any]) -> Iterator[str]:
    total = sum(len(step["calls"]) for step in steps.values())
    yield f"\nAWS calls of {what}: {total} (units: DynamoDB, as MiniStack counts them)"
    for name, step in steps.items():
        counted = Counter((call["call"], call["units"]) for call in step["calls"])
        made = ", ".join(
            f"{f'{count} × ' if count > 1 else ''}{call}{f' ({units:g})' if units else ''}"
            for (call, units), count in counted.items()
        )
        yield f"  {name:<18} {step['wall_ms']:>6.1f} ms  {made}"


def _bills(results: Mapping[str, Any]) -> Iterator[str]:
    for kind, bill in results["usd_per_1000_jobs"].items():
        yield f"\nPrice of 1,000 {kind} jobs in US$, us-east-1, without the time a model takes"
        yield from _bill(bill, "sum without model")
        yield f"  {'the model, by its tokens or pixels':<39} {Decimal(bill['model']):>9.4f}"
        yield f"  {'each second a model takes adds':<39} {Decimal(bill['per_waiting_second']):>9.4f}"
    for way, bill in results["usd_per_1000_events"].items():
        yield f"\nPrice of 1,000 {way}, in US$, us-east-1"
        yield from _bill(bill, "sum")
        if "deliver_webhook" in WAYS[way]:
            yield f"  {'each second a receiver takes adds':<39} {Decimal(bill['per_waiting_second']):>9.4f}"


def _bill(bill: Mapping[str, Any], total: str) -> Iterator[str]:
    for line in bill["lines"]:
        yield f"  {line['label']:<20} {line['amount']:<18} {Decimal(line['usd']):>9.4f}"
    yield f"  {total:<39} {Decimal(bill['sum']):>9.4f}"
