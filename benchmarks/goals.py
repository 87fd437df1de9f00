"""The goals of the project, against what was measured. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Goal:
    label: str
    limit: float
    found: float
    unit: str

    @property
    def is_met(self) -> bool:
        return self.found <= self.limit

    def __str__(self) -> str:
        verdict = "met" if self.is_met else "NOT MET"
        return f"{self.label:<54} {self.found:>8.2f} of {self.limit:g} {self.unit:<12} {verdict}"


def goals(results: Mapping[str, Any]) -> list[Goal]:
    latency, cold, calls = results["latency_ms"], results["cold_start"], results["calls"]
    events, event_calls = results["events"]["latency_ms"], results["event_calls"]
    deployed = cold["as_deployed"]
    floor_ms = deployed["floor"]["ready_ms"]
    return [
        Goal("POST /v1/jobs, p50", 100, latency["post"]["p50"], "ms"),
        Goal("enhance job end to end, p50", 600, latency["enhance_end_to_end"]["p50"], "ms"),
        Goal(
            "submit_job init (import app), bytecode in the layer",
            1.3,
            deployed["submit_job"]["imported_ms"] / floor_ms,
            "× floor",
        ),
        Goal(
            "submit_job init and ready, bytecode in the layer",
            1.3,
            deployed["submit_job"]["ready_ms"] / floor_ms,
            "× floor",
        ),
        Goal(
            "authorize_caller init and ready, bytecode in the layer",
            1.5,
            deployed["authorize_caller"]["ready_ms"] / floor_ms,
            "× floor",
        ),
        *(
            Goal(f"verifying a token, {algorithm}, CPU time, p99", 2, found["p99"], "ms")
            for algorithm, found in results["verification_cpu_ms"].items()
        ),
        Goal("AWS calls of a POST", 4, len(calls["enhance"]["submit_job"]["calls"]), "calls"),
        Goal("AWS calls of a poll", 1, len(calls["enhance"]["read_jobs"]["calls"]), "calls"),
        Goal("state transitions of a happy text job", 8, results["transitions"]["enhance"], "transitions"),
        Goal("an event published and in a subscriber's queue, p50", 150, events["publish"]["p50"], "ms"),
        Goal("AWS calls of an event no webhook is for", 1, len(event_calls["fan_out_to_none"]["calls"]), "calls"),
        Goal("transactions to count a job in analytics", 1, len(event_calls["record_analytics"]["calls"]), "calls"),
        Goal("queries of an owner's report on a day", 1, len(event_calls["read_analytics"]["calls"]), "calls"),
    ]
