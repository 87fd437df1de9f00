"""``jobs``: finds, shows and follows jobs."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING

import click

from operations.arguments import JOB_ID, LIMIT
from operations.command import REFUSED, on_a_stage
from operations.job_changes import cancel, redrive, replay
from operations.job_options import job_filters
from operations.job_search import find_jobs
from operations.job_view import COLUMNS, job_change, job_in_full, job_row
from promptmill.artifacts.store import LINK_SECONDS
from promptmill.clock import now_ms, timestamp
from promptmill.jobs.model import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from operations.deployment import Deployment
    from operations.job_search import JobQuery
    from operations.output import Output
    from promptmill.jobs.model import Job

_LOOK_SECONDS = 0.5


@click.group()
def jobs() -> None:
    """Find, show and follow jobs; cancel, replay and redrive them."""


jobs.add_command(cancel)
jobs.add_command(replay)
jobs.add_command(redrive)


@jobs.command("ls")
@job_filters(*JobStatus)
@click.option("--limit", type=LIMIT, default=20, show_default=True, help="How many jobs at most.")
@on_a_stage
def list_jobs(deployment: Deployment, output: Output, *, query: JobQuery, limit: int) -> None:
    """List jobs of everybody, newest first.

    Without --owner, jobs that are over are found through their executions, which are listed for 90 days. A job that
    was never started has none, so it is listed with its --owner only; as is, by a --status other than succeeded, a job
    whose execution could not be stopped when the job was ended.
    """
    with output.progress("jobs looked at") as shown:
        found = find_jobs(deployment, query, at_ms=now_ms(), looked_at=shown.advance)
        output.table(map(job_row, islice(found, limit)), COLUMNS, without="No such jobs.")


@jobs.command()
@click.argument("job_id", type=JOB_ID)
@click.option("--content", is_flag=True, help="Show what the user wrote and was given, too.")
@on_a_stage
def show(deployment: Deployment, output: Output, *, job_id: str, content: bool) -> None:
    """Show one job with its cost ledger: every call to a provider, and what it cost.

    The links to images that --content shows can be used by whoever has them, for 15 minutes.
    """
    at_ms = now_ms()
    work = deployment.jobs.load_source(job_id, None, at_ms=at_ms)
    link = deployment.artifacts.link if content else None
    output.show(job_in_full(work.job, work.calls, link=link, link_expires_at=timestamp(at_ms + LINK_SECONDS * 1000)))


@jobs.command()
@click.argument("job_id", type=JOB_ID)
@on_a_stage
@click.pass_context
def follow(context: click.Context, deployment: Deployment, output: Output, *, job_id: str) -> None:
    """Follow one job until it is over: each status and step it gets to.

    The command ends with status 0 when the job succeeded, and with 1 when it ended otherwise.
    """
    for job in changes(lambda: deployment.jobs.get(job_id, None), rest=time.sleep):
        change = job_change(job)
        output.say(change, "  ".join(filter(None, (job.status.ljust(9), change["step"], change["error"]))))
    if job.status is not JobStatus.SUCCEEDED:
        context.exit(REFUSED)


def changes(read: Callable[[], Job], *, rest: Callable[[float], None]) -> Iterator[Job]:
    """The job as first read, and at each later status or step, until it is over."""
    seen = None
    while True:
        job = read()
        change = job_change(job)
        if change != seen:
            yield job
        if job.status.is_terminal:
            return
        seen = change
        rest(_LOOK_SECONDS)
