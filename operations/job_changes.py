"""``jobs cancel``, ``jobs replay``, ``jobs redrive``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from operations.arguments import JOB_ID
from operations.command import confirm, dry_run_option, marked, on_a_stage
from operations.job_options import job_filters
from operations.job_search import OPEN, JobQuery, find_jobs
from operations.job_view import base_url_of
from operations.several import each
from promptmill.clock import new_id, now_ms
from promptmill.errors import JobSettled
from promptmill.http.body import validated
from promptmill.http.replay_requests import replay_request
from promptmill.http.trace import trace_of
from promptmill.identity.access import Role
from promptmill.identity.caller import Caller
from promptmill.identity.users.model import user_id
from promptmill.jobs.execution.redrive import plan_redrive
from promptmill.jobs.intake import Origin, Replay
from promptmill.jobs.model import JobStatus, ReplayMode
from promptmill.jobs.requests import ReplayJob
from promptmill.limits.money import format_nanousd
from promptmill.providers.cost import format_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from operations.deployment import Deployment
    from operations.output import Output

# Whose users the operators of an account are.
_IAM = "aws:iam"


@click.command()
@click.argument("job_ids", type=JOB_ID, nargs=-1)
@job_filters(*sorted(OPEN))
@click.option("--yes", is_flag=True, help="Do not ask whether to cancel the jobs that were found.")
@dry_run_option
@on_a_stage
def cancel(
    deployment: Deployment,
    output: Output,
    *,
    job_ids: tuple[str, ...],
    query: JobQuery,
    yes: bool,
    dry_run: bool,
) -> None:
    """Cancel the jobs JOB_IDS, or all that are not over and match the filters.

    A job is canceled at once and for good: its execution is stopped and its event sent. One that was found, and matches
    no more when its turn comes, is left alone.
    """
    if bool(job_ids) is (query != JobQuery()):
        raise click.UsageError("Either name jobs, or say by filters which to cancel.")
    wanted = query if query.statuses else replace(query, statuses=OPEN)
    chosen: Sequence[str] = job_ids or _found(deployment, output, wanted)
    if not chosen:
        output.remark("No such jobs.")
        return
    if not job_ids and not dry_run:
        jobs = "1 job" if len(chosen) == 1 else f"{len(chosen)} jobs"
        confirm(f"Cancel {jobs} of stage {deployment.stage} (--dry-run lists them)?", assumed=yes)

    def act(job_id: str) -> tuple[dict[str, Any], str]:
        if dry_run:
            job = deployment.jobs.get(job_id, None)
            if job.status not in {*OPEN, JobStatus.CANCELED}:
                raise JobSettled(f"The job is {job.status} already.")
            document = {"status": job.status.value, **marked(dry_run=True)}
            return document, f"{job_id} would be canceled; it is {job.status}."
        known = {}
        if not job_ids:
            job = deployment.jobs.get(job_id, None)
            if not wanted.matches(job):
                document = {"status": job.status.value, "left_alone": True}
                return document, f"{job_id} is left alone; it is {job.status} by now."
            known = {"correlation_id": job.correlation_id}
        deployment.journal.note("jobs cancel", job_id=job_id, **known)
        done = deployment.settlement.cancel(job_id, None, at_ms=now_ms())
        left = "" if done.concluded else " The sweeper still has to stop its execution, or to send its event."
        return {"status": done.job.status.value, "concluded": done.concluded}, f"{job_id} is canceled.{left}"

    each("job_id", chosen, act, output=output, progress="jobs canceled")


@click.command()
@click.argument("job_id", type=JOB_ID)
@click.option("--model", help="Another model, by its alias.")
@click.option("--recorded", is_flag=True, help="Give the answer that was recorded, at no cost; no model is asked.")
@dry_run_option
@on_a_stage
def replay(
    deployment: Deployment, output: Output, *, job_id: str, model: str | None, recorded: bool, dry_run: bool
) -> None:
    """Run the job JOB_ID again, as a new job from its stored input.

    The new job is its owner's too. It counts against limits of your own: those of a user, by your ARN in AWS.
    """
    at_ms = now_ms()
    mode = ReplayMode.RECORDED if recorded else ReplayMode.LIVE
    wanted = validated({"mode": mode, "model": model}, ReplayJob)
    source = deployment.jobs.load_source(job_id, None, at_ms=at_ms)
    request = replay_request(source, wanted)
    correlation_id = new_id("opr", at_ms)
    caller, origin = caller_of(deployment.operator), Origin(base_url_of(source.job), trace_of({}, correlation_id))
    link = Replay(of=job_id, mode=mode, owner=source.job.owner)
    job = deployment.intake.prepare(request, caller, origin, at_ms=at_ms, replay=link)
    if not dry_run:
        deployment.journal.note("jobs replay", replay_of=job_id, correlation_id=correlation_id)
        job = deployment.intake.submit(request, caller, origin, at_ms=at_ms, replay=link).job
    may_cost = format_nanousd(job.reservation.nanousd)
    document = {
        "job_id": None if dry_run else job.id,
        "replay_of": job_id,
        "mode": mode.value,
        "kind": job.kind,
        "model": request.model,
        "owner": job.owner,
        "subject": job.subject,
        "may_cost_usd": may_cost,
        **marked(dry_run=dry_run),
    }
    who = f"{job_id} would be replayed" if dry_run else f"{job.id} replays {job_id}"
    output.say(document, f"{who} for {job.owner}; it may cost ${may_cost}.")


@click.command()
@click.argument("job_ids", type=JOB_ID, nargs=-1, required=True)
@dry_run_option
@on_a_stage
def redrive(deployment: Deployment, output: Output, *, job_ids: tuple[str, ...], dry_run: bool) -> None:
    """Go on with the executions of JOB_IDS from the steps they failed, timed out or were aborted in.

    What succeeded before that step is neither run nor paid again. A job that is over and announced is not redriven:
    replay it.
    """

    def act(job_id: str) -> tuple[dict[str, Any], str]:
        plan = plan_redrive(job_id, jobs=deployment.jobs, executions=deployment.executions, at_ms=now_ms())
        if not dry_run:
            deployment.journal.note("jobs redrive", job_id=job_id, correlation_id=plan.job.correlation_id)
            deployment.executions.redrive(job_id)
        saved = format_usd(plan.saved_usd)
        document = {"redriven_from": plan.redriven_from, "saved_usd": saved, **marked(dry_run=dry_run)}
        goes_on = f"{job_id} {'would go' if dry_run else 'goes'} on from {plan.redriven_from}."
        return document, f"{goes_on} Calls that are not made again cost ${saved}."

    each("job_id", job_ids, act, output=output, progress="executions redriven")


def caller_of(operator: str) -> Caller:
    """Who has this ARN, as a caller with the limits of a user."""
    return Caller(owner=user_id(_IAM, operator), plan="user", roles=frozenset({Role.USER, Role.OPERATOR}))


def _found(deployment: Deployment, output: Output, query: JobQuery) -> list[str]:
    with output.progress("jobs looked at") as shown:
        return [job.id for job in find_jobs(deployment, query, at_ms=now_ms(), looked_at=shown.advance)]
