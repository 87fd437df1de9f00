"""A rebuild of services that answer what a test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from operations.rebuild import Place, Rebuild
from promptmill.analytics.rollup import finished_job
from promptmill.analytics.store import RollupStore
from promptmill.clock import epoch_ms
from tests.unit.analytics.fakes import an_outcome

AT_MS = epoch_ms("2026-11-21T10:00:00Z")


class Aws:
    """The services a rebuild uses. ``answers`` are what each operation answers in turn, the last one for ever."""

    def __init__(self, dynamodb: Any, **answers: list[Any]) -> None:
        self._dynamodb = dynamodb
        self._answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, service: str) -> Any:
        return self._dynamodb if service == "dynamodb" else self

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            self.asked.append((operation, parameters))
            left = self._answers.get(operation, [{}])
            return left.pop(0) if len(left) > 1 else left[0]

        return call

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.asked]


class Work:
    """A rebuild on a table of moto, or None, and nothing is asked of it; ``slept`` has its waits."""

    def __init__(self, dynamodb: Any, users: Any, table: str, **answers: list[Any]) -> None:
        self.slept: list[float] = []
        self.aws = Aws(dynamodb, **answers)
        self.rollups = RollupStore(table, dynamodb)
        place = Place(table, "archive", "bus-arn", "rule-arn", "queue-url", "dead-letters-url", "mapping")
        self.rebuild = Rebuild(place, self.rollups, users, self.aws, sleep=self.slept.append)

    def count(self, *, retention_days: int = 90, **fields: Any) -> None:
        assert self.rollups.count(finished_job(an_outcome(**fields)), at_ms=AT_MS, retention_days=retention_days)

    def jobs_of(self, owner: str) -> int:
        rows = self.rollups.owners_rows(owner, first_day="2020-01-01", last_day="2100-01-01")
        return sum(row.counters["jobs"] for row in rows)
