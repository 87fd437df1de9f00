"""Many ends of jobs, and the report on them: added up job by job, without the code that is tested."""

from __future__ import annotations

import bisect
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from promptmill.analytics.report import DIMENSIONS
from promptmill.clock import new_id, now_ms, random_hex, timestamp
from promptmill.events.names import EventName

EVENTS, MALFORMED, DUPLICATED = 2_000, 20, 0.05
DAYS = 3
BOUNDS_MS = [100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000]
CODES = {"failed": ["provider_timeout", "internal_error"], "rejected": ["rate_limited", "content_blocked"]}
STATUSES = ["succeeded"] * 14 + ["failed", "failed", "rejected", "rejected", "canceled", "expired"]


@dataclass
class Plan:
    """``ends`` are the details of terminal events; ``malformed`` of those no consumer can count, by id."""

    chance: random.Random
    ends: list[dict[str, Any]] = field(default_factory=list)
    malformed: dict[str, dict[str, Any]] = field(default_factory=dict)

    def make(self) -> Plan:
        owners = [f"usr_{number:032x}" for number in range(30)] + [f"ip_{number:032x}" for number in range(10)]
        for _ in range(EVENTS):
            self.ends.append(self._end(self.chance.choice(owners)))
        for number in range(MALFORMED):
            detail = self._end(owners[0])
            damage = [("data", "cost"), ("data", "status"), ("metadata", "owner"), ("data", "duration_ms")][number % 4]
            del detail[damage[0]][damage[1]]
            self.malformed[detail["metadata"]["id"]] = detail
        return self

    def entries(self) -> list[tuple[EventName, dict[str, Any]]]:
        """Everything that is published, some of it twice, in no order."""
        sent = [*self.ends, *self.chance.sample(self.ends, int(EVENTS * DUPLICATED)), *self.malformed.values()]
        self.chance.shuffle(sent)
        return [(EventName(f"job.{detail['data'].get('status', 'failed')}"), detail) for detail in sent]

    def _end(self, owner: str) -> dict[str, Any]:
        ended_ms = now_ms() - self.chance.randrange(DAYS * 86_400_000)
        kind, status = self.chance.choice(["enhance", "enhance", "image"]), self.chance.choice(STATUSES)
        data: dict[str, Any] = {
            "kind": kind,
            "status": status,
            "duration_ms": int(10 ** self.chance.uniform(1, 6.2)),
            "cost": {"model_usd": f"{self.chance.randrange(10**7)}e-9", "estimated": False},
        }
        if status == "succeeded":
            fallback = self.chance.random() < 0.1
            data["usage"] = {"model": self.chance.choice(["nova-2-lite", "nova-pro"]), "fallback": fallback}
            if kind == "enhance":
                tokens = {"input_tokens": self.chance.randrange(900), "output_tokens": self.chance.randrange(900)}
                version = {"prompt_version": self.chance.choice(["enhance-v1", "enhance-v2"])}
                data["usage"] |= tokens | version
        if status in CODES:
            data["error"] = {"code": self.chance.choice(CODES[status]), "step": "InvokeBedrock"}
        metadata = {
            "id": new_id("evt", ended_ms),
            "version": "1",
            "occurred_at": timestamp(ended_ms),
            "owner": owner,
            "job_id": new_id("job", ended_ms),
            "correlation_id": f"req-{random_hex(4)}",
        }
        return {"metadata": metadata, "data": data}


def expected(ends: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The report on these ends by all dimensions, added up job by job."""
    groups = defaultdict(list)
    for end in ends:
        usage = end["data"].get("usage", {})
        common = (
            day_of(end),
            end["data"]["kind"],
            usage.get("model"),
            end["data"]["status"],
            usage.get("prompt_version"),
        )
        groups[common].append(end["data"])
    report = []
    for common, jobs in groups.items():
        durations = sorted(job["duration_ms"] for job in jobs)
        codes = Counter((job["status"], job["error"]["code"]) for job in jobs if "error" in job)
        dollars = sum((Decimal(job["cost"]["model_usd"]) for job in jobs), Decimal(0))
        report.append(
            {
                "group": dict(zip(DIMENSIONS, common, strict=True)),
                "jobs": len(jobs),
                "input_tokens": sum(job.get("usage", {}).get("input_tokens", 0) for job in jobs),
                "output_tokens": sum(job.get("usage", {}).get("output_tokens", 0) for job in jobs),
                "cost": dollars,
                "duration_ms": {
                    "average": round(sum(durations) / len(durations)),
                    **{f"p{percent}": bound_of(durations, percent) for percent in (50, 95, 99)},
                },
                "fallbacks": sum(job.get("usage", {}).get("fallback", False) for job in jobs),
                "rejections": {code: number for (status, code), number in codes.items() if status == "rejected"},
                "failures": {code: number for (status, code), number in codes.items() if status == "failed"},
            }
        )
    return in_order(report)


def day_of(end: dict[str, Any]) -> str:
    return str(end["metadata"]["occurred_at"]).partition("T")[0]


def bound_of(durations: list[int], percent: int) -> int | None:
    """The first bound that is no lower than so many percent of the sorted durations."""
    duration = durations[math.ceil(len(durations) * percent / 100) - 1]
    place = bisect.bisect_left(BOUNDS_MS, duration)
    return BOUNDS_MS[place] if place < len(BOUNDS_MS) else None


def in_order(report: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(report, key=lambda group: [str(value) for value in group["group"].values()])
