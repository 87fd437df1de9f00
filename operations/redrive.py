"""``redrive JOB_ID``: goes on with an execution from the step it ended in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from operations.deployment import find_deployment, stage_option
from promptmill.clock import is_id, now_ms
from promptmill.errors import PromptmillError
from promptmill.jobs.execution.redrive import redrive_job
from promptmill.providers.cost import format_usd

if TYPE_CHECKING:
    from collections.abc import Callable

    from operations.deployment import Deployment


def _job_id(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not is_id("job", value):
        raise click.BadParameter("a job id is job_ and 26 characters")
    return value


@click.command()
@click.argument("job_id", callback=_job_id)
@stage_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object instead of a sentence.")
@click.pass_obj
def redrive(find: Callable[[str], Deployment] | None, job_id: str, stage: str, *, as_json: bool) -> None:
    """Go on with the execution of JOB_ID from the step it failed, timed out or was aborted in.

    What succeeded before that step is neither run nor paid again. A job that is over and announced is not redriven:
    replay it.
    """
    deployment = (find or find_deployment)(stage)
    try:
        done = redrive_job(job_id, jobs=deployment.jobs, executions=deployment.executions, at_ms=now_ms())
    except PromptmillError as error:
        if as_json:
            click.echo(json.dumps({"job_id": job_id, "error": {"code": error.code, "detail": error.detail}}))
        raise click.ClickException(error.detail) from error
    saved = format_usd(done.saved_usd)
    if as_json:
        click.echo(json.dumps({"job_id": job_id, "redriven_from": done.redriven_from, "saved_usd": saved}))
    else:
        click.echo(f"{job_id} goes on from {done.redriven_from}. Calls that are not made again cost ${saved}.")
