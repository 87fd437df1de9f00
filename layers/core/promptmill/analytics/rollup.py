"""The end of a job as numbers that add up: one row per day, kind, model, status and prompt version. Pure.

Every number of a row is a sum over jobs, so rows add up to any report, in any order.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from promptmill.clock import instant_ms, is_id, timestamp
from promptmill.errors import BrokenContractError
from promptmill.events.names import EventName
from promptmill.limits.money import NANO_DECIMALS, to_nanousd

if TYPE_CHECKING:
    from collections.abc import Mapping

OUTCOMES = {
    name.partition(".")[2]: name
    for name in (
        EventName.JOB_SUCCEEDED,
        EventName.JOB_FAILED,
        EventName.JOB_REJECTED,
        EventName.JOB_CANCELED,
        EventName.JOB_EXPIRED,
    )
}
"""The event of each terminal status."""
KEPT_DAYS = 400
"""How long a row is kept after its day."""
EVERYBODY_SHARDS = 8
"""The partitions of everybody's rows: one takes 1,000 writes a second."""
BUCKETS_MS = (
    *(100, 200, 500, 1_000, 2_000, 5_000, 10_000),
    *(20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000),
)
"""Upper bounds of the duration histogram, inclusive. A bucket has what is above the bound before it."""

_NONE = "-"
# A name, or an id, without what separates the parts of a row's key.
_NAME = re.compile(r"[^#\s]{1,128}")
_CODE = re.compile(r"[a-z]+(?:_[a-z]+)*")
_OWNER = re.compile(r"(?:usr|ip)_[A-Za-z0-9]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RowKey:
    """What a row counts. Only a job that succeeded has a model, and only a text job a prompt version.

    ``day`` is the day in UTC on which the job ended, ``2026-11-21``.
    """

    day: str
    kind: str
    model: str | None
    status: str
    prompt_version: str | None

    @property
    def text(self) -> str:
        """The sort key: rows are in the order of their days."""
        return "#".join((self.day, self.kind, self.model or _NONE, self.status, self.prompt_version or _NONE))


@dataclass(frozen=True, slots=True)
class Row:
    """The sums of a key; what is not among ``counters`` is 0.

    They are ``jobs``, ``input_tokens``, ``output_tokens``, ``nanousd`` (1e-9 US dollars), ``duration_ms``,
    ``fallbacks``, ``rejected_<code>``, ``failed_<code>``, and the histogram of the durations: ``le_<ms>``, ``le_inf``.
    """

    key: RowKey
    counters: Counter[str]


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """What one terminal event adds to its owner's row and to everybody's."""

    event_id: str
    job_id: str
    owner: str
    correlation_id: str
    row: Row

    @property
    def duration_ms(self) -> int:
        return self.row.counters["duration_ms"]

    @property
    def cost_usd(self) -> Decimal:
        return Decimal(self.row.counters["nanousd"]).scaleb(-NANO_DECIMALS)


def row_key_of(text: str) -> RowKey:
    """The key that ``RowKey.text`` wrote."""
    day, kind, model, status, prompt_version = text.split("#")
    return RowKey(day, kind, _given(model), status, _given(prompt_version))


def finished_job(detail: Mapping[str, Any]) -> FinishedJob:
    """What a terminal event of a job counts as, from the detail that ``events.catalogue`` describes.

    Raises ``BrokenContractError`` for what is no such event.
    """
    try:
        return _finished_job(detail["metadata"], detail["data"])
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise BrokenContractError("the event is not the end of a job") from error


def everybodys_shard(owner: str) -> int:
    """The partition of everybody's rows that has this owner's jobs."""
    return hashlib.sha256(owner.encode()).digest()[0] % EVERYBODY_SHARDS


def expires_at_seconds(day: str) -> int:
    """The epoch second after which a day's rows may be deleted."""
    gone_on = date.fromisoformat(day) + timedelta(days=KEPT_DAYS + 1)
    return int(datetime.combine(gone_on, time(), UTC).timestamp())


def archived_until(day: str, retention_days: int) -> str:
    """The last day on which a rebuild of this day may begin, from an archive that keeps events so long.

    It has them all for a day more, on which the rebuild may still be at work.
    """
    return (date.fromisoformat(day) + timedelta(days=retention_days - 2)).isoformat()


def percentile_ms(counters: Mapping[str, int], percent: int) -> int | None:
    """The bound of the bucket in which this percentile of the durations is: it is no higher than that.

    None without jobs, and where it is above the last bound.
    """
    rank = math.ceil(counters.get("jobs", 0) * percent / 100)
    counted = 0
    for bound_ms in BUCKETS_MS:
        counted += counters.get(f"le_{bound_ms}", 0)
        if counted >= rank > 0:
            return bound_ms
    return None


def _finished_job(metadata: Mapping[str, Any], data: Mapping[str, Any]) -> FinishedJob:
    if not is_id("evt", metadata["id"]) or not is_id("job", metadata["job_id"]):
        raise ValueError("not the ids of an event and its job")
    usage = data.get("usage", {})
    prompt_version = usage.get("prompt_version")
    key = RowKey(
        day=timestamp(instant_ms(metadata["occurred_at"]))[:10],
        kind=_matching(_NAME, data["kind"]),
        model=_matching(_NAME, usage["model"]) if usage else None,
        status=_outcome(data["status"]),
        prompt_version=None if prompt_version is None else _matching(_NAME, prompt_version),
    )
    duration_ms = _count(data["duration_ms"])
    counters = Counter(
        {
            "jobs": 1,
            "input_tokens": _count(usage.get("input_tokens", 0)),
            "output_tokens": _count(usage.get("output_tokens", 0)),
            "nanousd": _count(to_nanousd(Decimal(data["cost"]["model_usd"]))),
            "duration_ms": duration_ms,
            "fallbacks": int(usage.get("fallback") is True),
            _bucket(duration_ms): 1,
        }
    )
    if key.status in {"rejected", "failed"}:
        counters[f"{key.status}_{_matching(_CODE, data['error']['code'])}"] = 1
    return FinishedJob(
        event_id=metadata["id"],
        job_id=metadata["job_id"],
        owner=_matching(_OWNER, metadata["owner"]),
        correlation_id=_matching(_NAME, metadata["correlation_id"]),
        row=Row(key, counters),
    )


def _outcome(status: str) -> str:
    if status not in OUTCOMES:
        raise ValueError("not a terminal status")
    return status


def _matching(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError("not as it is published")
    return text


def _count(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("not a whole number from 0 on")
    return value


def _bucket(duration_ms: int) -> str:
    return next((f"le_{bound_ms}" for bound_ms in BUCKETS_MS if duration_ms <= bound_ms), "le_inf")


def _given(text: str) -> str | None:
    return None if text == _NONE else text
