"""``webhooks``: where events are sent to, what became of each, and sending it again."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

import click

from operations.arguments import DELIVERY_ID, LIMIT, USER, WEBHOOK_ID, Instant, one_of
from operations.command import confirm, dry_run_option, marked, on_a_stage
from operations.pages import entries
from operations.several import each
from promptmill.clock import epoch_ms, now_ms
from promptmill.events.webhooks.model import DeliveryStatus, WebhookStatus
from promptmill.events.webhooks.view import attempt_view, delivery_view, webhook_view

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from operations.deployment import Deployment
    from operations.output import Output
    from promptmill.events.webhooks.model import Delivery

_WEBHOOKS = ("id", "status", "disabled_reason", "failing_since", "url", "events", "owner")
_DELIVERIES = ("id", "status", "event", "created_at", "attempts", "next_attempt_at", "last_status_code", "last_error")
_PAGE = 100


@click.group()
def webhooks() -> None:
    """Look at webhooks and what they were sent, and send it again."""


@webhooks.command("ls")
@click.option("--owner", type=USER, help="Webhooks that are sent the events of this user.")
@click.option("--status", type=one_of(WebhookStatus), help="Webhooks in this state.")
@click.option("--limit", type=LIMIT, default=20, show_default=True, help="How many webhooks at most.")
@on_a_stage
def list_webhooks(deployment: Deployment, output: Output, *, owner: str | None, status: str | None, limit: int) -> None:
    """List webhooks, newest first. One without an owner is sent the events of everybody."""
    with output.progress("webhooks looked at") as shown:
        found = entries(lambda after: deployment.webhooks.page(limit=_PAGE, after=after), shown.advance)
        wanted = (one for one in found if owner in {None, one.owner} and status in {None, one.status})
        output.table(map(webhook_view, islice(wanted, limit)), _WEBHOOKS, without="No such webhooks.")


@webhooks.command()
@click.argument("webhook_id", type=WEBHOOK_ID)
@click.option("--status", type=one_of(DeliveryStatus), help="Deliveries in this state.")
@click.option(
    "--since",
    "since_ms",
    type=Instant(),
    help="Deliveries made since: 2h, which is two hours ago, or an RFC 3339 time.",
)
@click.option("--limit", type=LIMIT, default=20, show_default=True, help="How many deliveries at most.")
@on_a_stage
def deliveries(
    deployment: Deployment,
    output: Output,
    *,
    webhook_id: str,
    status: str | None,
    since_ms: int | None,
    limit: int,
) -> None:
    """List what the webhook WEBHOOK_ID was sent in the last 30 days, newest first, with all attempts."""
    deployment.webhooks.get(webhook_id)
    with output.progress("deliveries found") as shown:
        found = _all_deliveries(deployment, webhook_id, status, since_ms, shown.advance)
        output.table(map(_delivery_row, islice(found, limit)), _DELIVERIES, without="No such deliveries.")


@webhooks.command()
@click.argument("webhook_id", type=WEBHOOK_ID)
@click.argument("delivery_ids", type=DELIVERY_ID, nargs=-1)
@click.option("--failed", is_flag=True, help="All that were given up, but for tests.")
@click.option(
    "--since",
    "since_ms",
    type=Instant(),
    help="With --failed: made since: 2h, which is two hours ago, or an RFC 3339 time.",
)
@click.option("--yes", is_flag=True, help="Do not ask whether to send those that were found.")
@dry_run_option
@on_a_stage
def redeliver(
    deployment: Deployment,
    output: Output,
    *,
    webhook_id: str,
    delivery_ids: tuple[str, ...],
    failed: bool,
    since_ms: int | None,
    yes: bool,
    dry_run: bool,
) -> None:
    """Send DELIVERY_IDS, or all --failed ones, to the webhook WEBHOOK_ID again.

    Each is sent as it was, with the same webhook-id, at once and then by the whole schedule, whatever became of it.
    While the webhook hangs, it waits for its turn, up to fifteen minutes at a time.
    """
    if bool(delivery_ids) is failed or (since_ms is not None and not failed):
        raise click.UsageError("Either name deliveries, or say --failed, with --since or without.")
    webhook = deployment.webhooks.get(webhook_id)
    if webhook.status is WebhookStatus.DISABLED:
        raise click.ClickException(f"The webhook is disabled ({webhook.disabled_reason}): nothing is sent to it.")
    chosen: Sequence[str] = delivery_ids or _given_up(deployment, output, webhook_id, since_ms)
    if not chosen:
        output.remark("No such deliveries.")
        return
    if failed and not dry_run:
        confirm(f"Send {len(chosen)} deliveries to {webhook.url} again?", assumed=yes)

    def act(delivery_id: str) -> tuple[dict[str, Any], str]:
        if dry_run:
            delivery = deployment.deliveries.get(webhook_id, delivery_id, at_ms=now_ms())
            document = {"event": delivery.event, "status": delivery.status, **marked(dry_run=True)}
            return document, f"{delivery_id} ({delivery.event}) would be sent again; it is {delivery.status}."
        deployment.journal.note("webhooks redeliver", webhook_id=webhook_id, delivery_id=delivery_id)
        delivery = deployment.deliveries.restart(webhook_id, delivery_id, at_ms=now_ms())
        deployment.delivery_queue.send(webhook_id, delivery_id)
        document = {"event": delivery.event, "status": delivery.status}
        return document, f"{delivery_id} ({delivery.event}) is sent again."

    each("delivery_id", chosen, act, output=output, progress="deliveries sent again")


def _all_deliveries(
    deployment: Deployment, webhook_id: str, status: str | None, since_ms: int | None, found: Callable[[int], None]
) -> Iterator[Delivery]:
    """What the webhook was sent, newest first."""
    wanted, at_ms = None if status is None else DeliveryStatus(status), now_ms()
    every = entries(
        lambda after: deployment.deliveries.page(webhook_id, limit=_PAGE, status=wanted, after=after, at_ms=at_ms),
        found,
    )
    return takewhile(lambda delivery: since_ms is None or epoch_ms(delivery.created_at) >= since_ms, every)


def _given_up(deployment: Deployment, output: Output, webhook_id: str, since_ms: int | None) -> list[str]:
    with output.progress("deliveries found") as shown:
        found = _all_deliveries(deployment, webhook_id, DeliveryStatus.FAILED, since_ms, shown.advance)
        return [delivery.id for delivery in found if not delivery.is_test]


def _delivery_row(delivery: Delivery) -> dict[str, Any]:
    attempts = list(map(attempt_view, delivery.attempts))
    last = attempts[-1] if attempts else {}
    return {
        **delivery_view(delivery),
        "attempts": attempts,
        "last_status_code": last.get("status_code"),
        "last_error": last.get("error"),
    }
