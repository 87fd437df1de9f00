"""A rebuild of services that answer what a test says, and one that says which steps it takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from operations.rebuild import Place, Rebuild
from promptmill.analytics.rollup import finished_job
from promptmill.analytics.store import RollupStore
from promptmill.clock import epoch_ms
from tests.unit.analytics.fakes import an_outcome
from tests.unit.operations.stage import OPERATOR

AT_MS = epoch_ms("2026-11-21T10:00:00Z")
DAY = "2026-11-20"
RESTS_SINCE_MS = 1_795_000_000_000


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


class FakeRebuild(Rebuild):
    """Notes the steps; ``breaks`` is raised at the step ``at``.

    Two jobs were counted, of which three are in the archive. ``dead`` are the dead letters before and after, ``whole``
    the first days the archive has whole, as it is asked again and again.
    """

    def __init__(
        self,
        *,
        at: str = "",
        breaks: BaseException | None = None,
        ends: str = "COMPLETED",
        archived: int = 3,
        dead: tuple[int, int] = (1, 1),
        rests: bool = False,
        whole: tuple[str, ...] = (DAY,),
    ) -> None:
        self.steps: list[str] = []
        self._at = at
        self._breaks = breaks
        self._ends = ends
        self._jobs = 2
        self._archived = archived
        self._dead = list(dead)
        self._rests = rests
        self._whole = list(whole)

    def first_whole_day(self) -> str:
        return self._whole.pop(0) if len(self._whole) > 1 else self._whole[0]

    def totals(self, first_day: str) -> Counter[str]:
        assert first_day == DAY
        return Counter(jobs=self._jobs, input_tokens=10, output_tokens=20, nanousd=self._jobs * 10**6)

    def obstacle(self, *, resumes: bool) -> str | None:
        return "The consumer rests." if self._rests and not resumes else None

    @contextmanager
    def alone(self, operator: str, *, resumes: bool) -> Iterator[None]:
        assert operator == OPERATOR
        assert resumes is self._rests
        self._note("lock")
        try:
            yield
        finally:
            self.steps.append("unlock")

    def check_still_alone(self) -> None:
        self._note("look")

    def dead_letters(self) -> int:
        return self._dead.pop(0)

    def stop_consumer(self) -> None:
        self._note("stop")

    def rest(self) -> int:
        self._note("rest")
        return RESTS_SINCE_MS

    def resume(self) -> None:
        self._note("resume")

    def settle(self, seconds: int) -> None:
        self._note(f"settle {seconds}")

    def erase(self, first_day: str) -> None:
        self._note("erase")
        self._jobs = 0

    def start_replay(self, first_day: str, *, until_ms: int) -> str:
        assert until_ms == RESTS_SINCE_MS
        self._note("replay")
        return "again"

    def follow(self, replay: str, *, quiet_seconds: int) -> Iterator[str]:
        assert replay == "again"
        yield "RUNNING"
        if self._at == "running" and self._breaks is not None:
            raise self._breaks
        self._jobs = self._archived
        yield self._ends
        if self._ends != "COMPLETED":
            raise click.ClickException(f"The replay {replay} ended {self._ends.lower()}.")
        self._note(f"quiet {quiet_seconds}")

    def forget_who_left(self, first_day: str) -> None:
        self._note("forget")

    def _note(self, step: str) -> None:
        self.steps.append(step)
        if self._breaks is not None and step == self._at:
            raise self._breaks
