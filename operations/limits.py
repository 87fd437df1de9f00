"""``limits``: what limits a user, an API key or an address, and where it stands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from operations.arguments import LIMITED, SUBJECT
from operations.command import dry_run_option, marked, on_a_stage, usage_of
from promptmill.clock import is_id, now_ms, timestamp
from promptmill.http.admin_requests import SetLimits
from promptmill.http.body import validated
from promptmill.limits.gcra import standing
from promptmill.limits.view import limits_view

if TYPE_CHECKING:
    from operations.deployment import Deployment
    from operations.output import Output


@click.group()
def limits() -> None:
    """Show what limits a user, an API key or an address, and set it."""


@limits.command()
@click.argument("subject", type=SUBJECT)
@on_a_stage
def show(deployment: Deployment, output: Output, *, subject: str) -> None:
    """Show the limits that hold for SUBJECT, what is used of them today, and which were set for it alone."""
    at_ms = now_ms()
    own = "" if subject.startswith("ip_") else deployment.overrides.get(subject)
    held = deployment.plans[_plan_of(subject)].with_overrides(own)
    now = standing(deployment.rates.peek(subject, held.rate), at_ms, held.rate)
    account = deployment.spending.read(subject, timestamp(at_ms)[:10])
    view = limits_view(held, now, account, at_ms=at_ms)
    output.show({"subject": subject, **view, "own": _own(own), "open_jobs": sorted(account.open_jobs)})


@limits.command("set")
@click.argument("subject", type=LIMITED)
@click.option("--requests-per-minute", type=int)
@click.option("--burst", type=int, help="Requests at once after a pause.")
@click.option("--concurrent-jobs", type=int, help="Jobs at work at a time.")
@click.option("--images-per-day", type=int)
@click.option("--daily-usd", help="US dollars a day, such as 2.50.")
@click.option("--reset", is_flag=True, help="Return SUBJECT to the limits of its plan.")
@dry_run_option
@on_a_stage
def set_limits(
    deployment: Deployment, output: Output, *, subject: str, reset: bool, dry_run: bool, **wanted: int | str | None
) -> None:
    """Set limits that hold for SUBJECT, a user or an API key, in place of its plan's.

    They replace all that were set for it before, and hold within a minute.
    """
    named = {name: value for name, value in wanted.items() if value is not None}
    if bool(named) is reset:
        raise click.UsageError("Either name limits to set, or say --reset.")
    with usage_of({}):
        own = validated(named, SetLimits).model_dump_json(exclude_none=True)
    before = deployment.overrides.get(subject)
    if not dry_run:
        deployment.journal.note("limits set", subject=subject)
        if reset:
            deployment.overrides.remove(subject)
        else:
            deployment.overrides.put(subject, own)
    after = _own("" if reset else own)
    document = {"subject": subject, "before": _own(before), "after": after, **marked(dry_run=dry_run)}
    would = "would have" if dry_run else "has"
    output.say(document, f"{subject} {would} {_said(after)} of its own; it had {_said(_own(before))}.")


def _plan_of(subject: str) -> str:
    if is_id("key", subject):
        return "key"
    return "anonymous" if subject.startswith("ip_") else "user"


def _own(stored: str) -> dict[str, Any]:
    """The limits that were set for a subject alone."""
    own: dict[str, Any] = json.loads(stored) if stored else {}
    return own


def _said(own: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in own.items()) or "no limits"
