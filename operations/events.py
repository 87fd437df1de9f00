"""``events``: what happens, as it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from operations.arguments import JOB_ID, OWNER, Length, one_of
from operations.command import on_a_stage
from operations.output import cell
from operations.tail import LONGEST_MS, received, remove_abandoned, tail
from promptmill.clock import now_ms
from promptmill.events.names import EventName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from operations.deployment import Deployment
    from operations.output import Output

# Of a line for people: what is in it, and how wide it is.
_COLUMNS = {"timestamp": 24, "type": 18, "job_id": 30, "owner": 36, "status": 9, "kind": 8, "cost_usd": 0}


@click.group()
def events() -> None:
    """Look at events."""


@events.command("tail")
@click.option(
    "--name",
    "names",
    type=one_of(EventName),
    multiple=True,
    help="Events of this name; given twice, of either.",
)
@click.option("--owner", type=OWNER, help="Events of this user or address.")
@click.option("--job", "job_id", type=JOB_ID, help="Events of this job.")
@click.option("--for", "for_ms", type=Length(), default="1h", show_default=True, help="How long, an hour at most.")
@on_a_stage
def tail_events(
    deployment: Deployment,
    output: Output,
    *,
    names: tuple[str, ...],
    owner: str | None,
    job_id: str | None,
    for_ms: int,
) -> None:
    """Print events as they come, until Ctrl-C.

    They come by a rule and a queue that are made for it and removed at its end, so that in an account the first
    seconds may be missed. One may be printed twice: to any consumer, an event may come twice.
    """
    if for_ms > LONGEST_MS:
        raise click.UsageError("One can listen for an hour at most.")
    until_ms = now_ms() + for_ms
    for name in remove_abandoned(deployment, at_ms=now_ms()):
        output.remark(f"Removed {name}, which was left behind.")
    with tail(deployment, pattern_of(names, owner=owner, job_id=job_id)) as url:
        output.remark(f"Listening to stage {deployment.stage}; Ctrl-C ends it.")
        for event in received(deployment.client("sqs"), url, until_ms=until_ms):
            output.say(event_of(event), line_of(event))


def pattern_of(names: tuple[str, ...], *, owner: str | None, job_id: str | None) -> dict[str, Any]:
    """EventBridge's pattern of our events with one of these names, of this owner and job; none is any."""
    pattern: dict[str, Any] = {"source": [{"prefix": "promptmill."}]}
    if names:
        pattern["detail-type"] = list(names)
    metadata = {name: [value] for name, value in (("owner", owner), ("job_id", job_id)) if value is not None}
    return pattern | ({"detail": {"metadata": metadata}} if metadata else {})


def event_of(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """An event as programs get it, which is as webhooks do."""
    metadata = envelope["detail"].get("metadata", {})
    return {
        "type": envelope["detail-type"],
        "timestamp": metadata.get("occurred_at", envelope["time"]),
        "metadata": metadata,
        "data": envelope["detail"].get("data", {}),
    }


def line_of(envelope: Mapping[str, Any]) -> str:
    """An event as people read it."""
    event = event_of(envelope)
    metadata, data = event["metadata"], event["data"]
    shown = {**event, **metadata, **data, "cost_usd": (data.get("cost") or {}).get("model_usd")}
    return "  ".join(cell(shown.get(name)).ljust(width) for name, width in _COLUMNS.items()).rstrip()
