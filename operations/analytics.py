"""``analytics rebuild``: the rollups made anew from the archive of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from operations.command import dry_run_option, marked, on_a_stage
from operations.rebuild import ARCHIVE_DELAY_SECONDS
from promptmill.analytics.report import figures
from promptmill.clock import now_ms, timestamp

if TYPE_CHECKING:
    from collections import Counter
    from datetime import datetime

    from operations.deployment import Deployment
    from operations.output import Output
    from operations.rebuild import Rebuild


@click.group()
def analytics() -> None:
    """Repair what GET /v1/analytics reports from."""


@analytics.command()
@click.option("--from", "day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The first day, in UTC.")
@click.option("--resume", is_flag=True, help="Although the consumer rests already, because a rebuild was killed.")
@dry_run_option
@on_a_stage
def rebuild(deployment: Deployment, output: Output, *, day: datetime, resume: bool, dry_run: bool) -> None:
    """Count all jobs that ended on a day, or after it, anew from the archive of events.

    The consumer rests meanwhile, for some ten minutes, and loses nothing. Reports are too low until the command is
    done. Interrupted, or run again, it is right once it has run to its end; run by two at once, it is not, and the
    second is refused. It fails when fewer jobs are counted than before, or some could not be counted.
    """
    first_day = day.date().isoformat()
    work = deployment.rebuild
    whole = work.first_whole_day()
    if not whole <= first_day <= timestamp(now_ms())[:10]:
        raise click.ClickException(f"The archive has whole days from {whole} to today, and not {first_day}.")
    obstacle = work.obstacle(resumes=resume)
    if obstacle:
        raise click.ClickException(obstacle)
    before, dead_before = work.totals(first_day), work.dead_letters()
    if dry_run:
        output.say(
            {"from": first_day, "before": totals_view(before), **marked(dry_run=True)},
            f"{_sentence(before)} from {first_day} on would be counted anew.",
        )
        return
    deployment.journal.note("analytics rebuild", first_day=first_day)
    try:
        # The local archive has an event when its publisher has the answer.
        settle_seconds = 0 if deployment.stage == "local" else ARCHIVE_DELAY_SECONDS
        _run(work, first_day, output, expected=before["jobs"], settle_seconds=settle_seconds)
    except BaseException:
        output.remark(f"Reports from {first_day} on are not right yet: run the command again.")
        raise
    after, dead = work.totals(first_day), work.dead_letters() - dead_before
    views = {"before": totals_view(before), "after": totals_view(after)}
    output.say(
        {"from": first_day, **views, "new_dead_letters": max(dead, 0)},
        f"From {first_day} on: {_sentence(before)} before, {_sentence(after)} now.",
    )
    if dead > 0:
        raise click.ClickException(f"Not all could be counted: AnalyticsDeadLetterQueue has {dead} messages more.")
    if after["jobs"] < before["jobs"]:
        raise click.ClickException("Fewer jobs are counted than before: some were counted twice, or are missing now.")


def _run(work: Rebuild, first_day: str, output: Output, *, expected: int, settle_seconds: int) -> None:
    """Rebuilds; whatever happens, the consumer is at work again at the end. ``expected`` is about how many jobs."""
    output.remark("The consumer of job events comes to rest.")
    # Where this fails, the consumer is not ours to set to work again.
    work.stop_consumer()
    try:
        rests_since_ms = work.rest()
        if settle_seconds:
            output.remark(
                f"Waiting {settle_seconds // 60} minutes, until the archive has every event that was counted."
            )
            work.settle(settle_seconds)
        output.remark(f"Rows from {first_day} on are erased.")
        work.erase(first_day)
        replay = work.start_replay(first_day, until_ms=rests_since_ms)
    finally:
        work.resume()
    output.remark(f"The archive replays its events as {replay}.")
    counted = 0
    with output.progress("Jobs counted", expected or None) as progress:
        for state in work.follow(replay):
            if state in {"CANCELLED", "FAILED"}:
                raise click.ClickException(f"The replay {replay} ended {state.lower()}.")
            jobs = work.totals(first_day)["jobs"]
            progress.advance(jobs - counted)
            counted = jobs
    work.forget_who_left(first_day)


def totals_view(total: Counter[str]) -> dict[str, Any]:
    """What is compared of the totals before and after."""
    shown = figures(total)
    return {name: shown[name] for name in ("jobs", "input_tokens", "output_tokens", "cost")}


def _sentence(total: Counter[str]) -> str:
    shown = totals_view(total)
    return f"{shown['jobs']} jobs, ${shown['cost']['model_usd']}"
