"""The options that say which jobs are meant."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

import click

from operations.arguments import OWNER, Instant, one_of
from operations.job_search import JobQuery
from promptmill.jobs.model import KINDS, JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")


def job_filters(*statuses: JobStatus) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Gives a command the filters of jobs, in one argument ``query``; these are the statuses that can be asked for."""

    def decorate(command: Callable[..., R]) -> Callable[..., R]:
        @click.option(
            "--status",
            "statuses",
            type=one_of(statuses),
            multiple=True,
            help="Jobs in this state; given twice, in either.",
        )
        @click.option("--kind", type=one_of(KINDS), help="Jobs of this kind.")
        @click.option("--owner", type=OWNER, help="Jobs of this user or address.")
        @click.option("--model", help="Jobs that this model, by its alias, answered or was asked for.")
        @click.option(
            "--since",
            "since_ms",
            type=Instant(),
            help="Jobs created since: 2h, which is two hours ago, or an RFC 3339 time.",
        )
        @click.option("--until", "until_ms", type=Instant(), help="Jobs created before that.")
        @functools.wraps(command)
        def call(
            *arguments: Any,
            statuses: tuple[str, ...],
            kind: str | None,
            owner: str | None,
            model: str | None,
            since_ms: int | None,
            until_ms: int | None,
            **others: Any,
        ) -> R:
            query = JobQuery(frozenset(map(JobStatus, statuses)), kind, owner, model, since_ms, until_ms)
            return command(*arguments, query=query, **others)

        return call

    return decorate
