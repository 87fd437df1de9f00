"""``analytics rebuild``: the rollups made anew from the archive of events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from operations.command import dry_run_option, marked, on_a_stage
from operations.rebuild import ARCHIVE_DELAY_SECONDS, QUEUE_DELAY_SECONDS
from promptmill.analytics.report import figures
from promptmill.clock import now_ms, timestamp

if TYPE_CHECKING:
    from collections import Counter
    from datetime import datetime

    from operations.deployment import Deployment
    from operations.output import Output
    from operations.rebuild import Rebuild


# So long a batch of events is in hand there, at most.
LOCAL_QUIET_SECONDS = 5


@click.group()
def analytics() -> None:
    """Repair what GET /v1/analytics reports from."""


@analytics.command()
@click.option("--from", "day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="The first day, in UTC.")
@click.option("--resume", is_flag=True, help="Although a rebuild is at work as it seems: it was killed.")
@dry_run_option
@on_a_stage
def rebuild(deployment: Deployment, output: Output, *, day: datetime, resume: bool, dry_run: bool) -> None:
    """Count all jobs that ended on a day, or after it, anew from the archive of events.

    The consumer rests meanwhile, for some ten minutes, and loses nothing. Reports are too low until the command is
    done. Interrupted, or run again, it is right once it has run to its end; of two at once, the second is refused. It
    fails when fewer jobs are counted than before, or some could not be counted.
    """
    first_day = day.date().isoformat()
    work = deployment.rebuild
    whole, today = work.first_whole_day(), timestamp(now_ms())[:10]
    if whole > today:
        raise click.ClickException("The archive has no day in whole: it keeps events for too short a time.")
    if not whole <= first_day <= today:
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
    # The local archive has an event when its publisher has the answer, and the local queue counts right.
    is_local = deployment.stage == "local"
    settle_seconds = 0 if is_local else ARCHIVE_DELAY_SECONDS
    quiet_seconds = LOCAL_QUIET_SECONDS if is_local else QUEUE_DELAY_SECONDS
    with work.alone(deployment.operator, resumes=resume):
        replay = erase_and_replay(work, first_day, output, settle_seconds=settle_seconds)
        count_anew(work, first_day, replay, output, expected=before["jobs"], quiet_seconds=quiet_seconds)
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


def erase_and_replay(work: Rebuild, first_day: str, output: Output, *, settle_seconds: int) -> str:
    """Erases, and has the archive replay; the name of the replay. Says what is left to do where it is cut off."""
    left = "This run has erased nothing."
    try:
        output.remark("The consumer of job events comes to rest.")
        # Where this is refused, the consumer was not touched.
        work.stop_consumer()
        try:
            rests_since_ms = work.rest()
            if settle_seconds:
                minutes = settle_seconds // 60
                output.remark(f"Waiting {minutes} minutes, until the archive has every event that was counted.")
                work.settle(settle_seconds)
            # Minutes have passed, and with them midnight, or this machine has slept.
            whole = work.first_whole_day()
            if first_day < whole:
                raise click.ClickException(f"It is another day: the archive has whole days from {whole} now.")
            work.check_still_alone()
            output.remark(f"Rows from {first_day} on are erased.")
            left = f"Reports from {first_day} on are not right yet: run the command again."
            work.erase(first_day)
            replay = work.start_replay(first_day, until_ms=rests_since_ms)
            left = _left(first_day, replay, "STARTING")
            return replay
        finally:
            # Whatever happens, also to what is said, the consumer is at work again.
            try:
                output.remark("The consumer of job events goes on.")
            finally:
                work.resume()
    except BaseException:
        output.remark(left)
        raise


def count_anew(
    work: Rebuild, first_day: str, replay: str, output: Output, *, expected: int, quiet_seconds: int
) -> None:
    """Waits until about ``expected`` jobs are counted, and forgets who left. Says what is left where it is cut off."""
    output.remark(f"The archive replays its events as {replay}.")
    counted, state = 0, "STARTING"
    try:
        with output.progress("Jobs counted", expected or None) as progress:
            for reached in work.follow(replay, quiet_seconds=quiet_seconds):
                state = reached
                jobs = work.totals(first_day)["jobs"]
                progress.advance(jobs - counted)
                counted = jobs
        work.forget_who_left(first_day)
    except BaseException:
        output.remark(_left(first_day, replay, state))
        raise


def _left(first_day: str, replay: str, state: str) -> str:
    """What is left to do of a rebuild that is cut off with its replay in this state."""
    not_right = f"Reports from {first_day} on are not right yet"
    match state:
        case "COMPLETED":
            return (
                "All is replayed, and what waits of it is counted by itself. But users who left may be in reports from"
                f" {first_day} on again: run the command again."
            )
        case "CANCELLED" | "FAILED":
            return f"{not_right}: run the command again."
        case _:
            return f"{not_right}. The replay {replay} goes on by itself: run the command again once it is over."


def totals_view(total: Counter[str]) -> dict[str, Any]:
    """What is compared of the totals before and after."""
    shown = figures(total)
    return {name: shown[name] for name in ("jobs", "input_tokens", "output_tokens", "cost")}


def _sentence(total: Counter[str]) -> str:
    shown = totals_view(total)
    return f"{shown['jobs']} jobs, ${shown['cost']['model_usd']}"
