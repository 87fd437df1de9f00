"""``dlq``: what could not be delivered or handled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from operations.arguments import LIMIT
from operations.command import REFUSED, dry_run_option, marked, on_a_stage
from operations.dead_letters import Kind, Undeliverable, ages_seconds, destination_of, find_queue, find_queues
from operations.redriving import Reading, send
from promptmill.clock import now_ms, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from operations.dead_letters import DeadLetterQueue, Destination, Letter
    from operations.deployment import Deployment
    from operations.output import Output

_QUEUES = ("queue", "messages", "in_flight", "oldest_seconds", "holds")
_MESSAGES = ("message_id", "event_id", "event", "sent_at", "receives", "error", "rule", "target")


@click.group()
def dlq() -> None:
    """Look at what could not be delivered or handled, and put it where it belongs."""


@dlq.command("ls")
@on_a_stage
def list_queues(deployment: Deployment, output: Output) -> None:
    """List the dead-letter queues, and the queue of events that the bus did not take.

    Messages that somebody is looking at are IN FLIGHT. How old the oldest one is, CloudWatch knows some minutes later.
    """
    queues = find_queues(deployment)
    ages = ages_seconds(deployment, queues, at_ms=now_ms())
    rows = [
        {
            "queue": queue.name,
            "messages": queue.messages,
            "in_flight": queue.in_flight,
            "oldest_seconds": ages.get(queue.name),
            "holds": queue.holds,
        }
        for queue in queues
    ]
    output.table(rows, _QUEUES, without="The stack has no dead-letter queues.")


@dlq.command()
@click.argument("queue_name", metavar="QUEUE")
@click.option("--limit", type=LIMIT, default=20, show_default=True, help="How many messages at most.")
@on_a_stage
def show(deployment: Deployment, output: Output, *, queue_name: str, limit: int) -> None:
    """Show messages of QUEUE: which event each is about and, where EventBridge said it, why it is here.

    Nobody else gets these messages for a moment; they stay in the queue.
    """
    with _reading(deployment, find_queue(deployment, queue_name)) as reading:
        rows = [_row(letter) for letter in reading.letters(limit=limit)]
    output.table(rows, _MESSAGES, without=f"{queue_name} is empty.")


@dlq.command()
@click.argument("queue_name", metavar="QUEUE")
@click.option("--limit", type=LIMIT, help="How many messages at most; else all that are there now.")
@dry_run_option
@on_a_stage
@click.pass_context
def redrive(
    context: click.Context,
    deployment: Deployment,
    output: Output,
    *,
    queue_name: str,
    limit: int | None,
    dry_run: bool,
) -> None:
    """Put the messages of QUEUE where they belong.

    What was received from a queue too often goes there again, what a rule's target did not take to that target, an
    event that the bus did not take to the bus, one that a workflow failed on to the workflow. Each is deleted here once
    it was taken there; whatever ends the command, none is lost, and one may come twice. What comes back stays.
    """
    queue = find_queue(deployment, queue_name)
    if not dry_run:
        deployment.journal.note("dlq redrive", queue=queue.name)
    total = queue.messages if limit is None else min(limit, queue.messages)
    count, are_all_taken = 0, True
    with _reading(deployment, queue) as reading, output.progress("messages redriven", total) as shown:
        for letters in _together(queue, reading.batches(limit=limit)):
            destinations, refusals = _hand_on(deployment, queue, letters, dry_run=dry_run)
            for letter in letters:
                if refusal := refusals.get(letter.id):
                    why = refusal["detail"].removesuffix(".")
                    output.refuse({**_about(letter), "error": refusal}, f"{_called(letter)} stays: {why}.")
                else:
                    name = destinations[letter.id].name
                    goes = "would go" if dry_run else "went"
                    document = {**_about(letter), "to": name, **marked(dry_run=dry_run)}
                    output.say(document, f"{_called(letter)} {goes} to {name}.")
            if not dry_run:
                reading.delete(letter for letter in letters if letter.id not in refusals)
            count += len(letters)
            are_all_taken = are_all_taken and not refusals
            shown.advance(len(letters))
    if count == 0 and not output.as_json:
        output.remark(f"{queue.name} is empty.")
    if not are_all_taken:
        context.exit(REFUSED)


@dlq.command()
@click.argument("queue_name", metavar="QUEUE")
@click.argument("message_ids", nargs=-1, required=True)
@dry_run_option
@on_a_stage
@click.pass_context
def discard(
    context: click.Context,
    deployment: Deployment,
    output: Output,
    *,
    queue_name: str,
    message_ids: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Delete the messages MESSAGE_IDS of QUEUE, which nothing can be done with, for good."""
    queue = find_queue(deployment, queue_name)
    left = dict.fromkeys(message_ids)
    with _reading(deployment, queue) as reading, output.progress("messages looked at", queue.messages) as shown:
        for letter in reading.letters():
            if letter.id in left:
                if not dry_run:
                    deployment.journal.note("dlq discard", queue=queue.name, message_id=letter.id)
                    reading.delete([letter])
                is_gone = "would be deleted" if dry_run else "is deleted"
                output.say({**_about(letter), **marked(dry_run=dry_run)}, f"{_called(letter)} {is_gone}.")
                del left[letter.id]
            if not left:
                return
            shown.advance()
    for message_id in left:
        error = {"code": "message_not_found", "detail": "There is no such message."}
        output.refuse({"message_id": message_id, "error": error}, f"{message_id}: There is no such message.")
    context.exit(REFUSED)


def _reading(deployment: Deployment, queue: DeadLetterQueue) -> Reading:
    return Reading(deployment.client("sqs"), queue.url, began_ms=now_ms())


def _together(queue: DeadLetterQueue, batches: Iterable[list[Letter]]) -> Iterator[list[Letter]]:
    """The messages that are sent in one request: of events for the bus all of a batch, of others each by itself."""
    is_for_bus = queue.belong_to is not None and queue.belong_to.kind is Kind.BUS
    for batch in batches:
        yield from [batch] if is_for_bus else ([letter] for letter in batch)


def _hand_on(
    deployment: Deployment, queue: DeadLetterQueue, letters: Sequence[Letter], *, dry_run: bool
) -> tuple[dict[str, Destination], dict[str, dict[str, str]]]:
    """Sends messages that are sent together to where they belong.

    By their ids, where each belongs that belongs somewhere, and why each stays that does.
    """
    destinations: dict[str, Destination] = {}
    refusals: dict[str, dict[str, str]] = {}
    for letter in letters:
        try:
            destinations[letter.id] = destination_of(letter, queue, deployment.resources)
        except Undeliverable as error:
            refusals[letter.id] = {"code": "undeliverable", "detail": str(error)}
    if destinations and not dry_run:
        going = [letter for letter in letters if letter.id in destinations]
        (destination,) = set(destinations.values())
        refusals |= send(deployment, going, destination, is_its_own=queue.belong_to is not None)
    return destinations, refusals


def _about(letter: Letter) -> dict[str, Any]:
    event_id, event = letter.event()
    return {"message_id": letter.id, "event_id": event_id, "event": event}


def _called(letter: Letter) -> str:
    """The message for people, who know events."""
    event_id, event = letter.event()
    if event_id is None:
        return f"Message {letter.id}"
    return event_id if event is None else f"{event_id} ({event})"


def _row(letter: Letter) -> dict[str, Any]:
    rule = letter.attribute("RULE_ARN")
    return {
        **_about(letter),
        "sent_at": timestamp(letter.sent_ms),
        "receives": letter.receives,
        "error": letter.attribute("ERROR_CODE"),
        "error_message": letter.attribute("ERROR_MESSAGE"),
        "rule": None if rule is None else rule.rpartition("/")[2],
        "target": letter.attribute("TARGET_ARN"),
    }
