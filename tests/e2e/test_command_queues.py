"""``dlq`` and ``webhooks`` against the local stack: what is stuck goes on, and nothing is lost when they are killed."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from local.rendering import read_template
from promptmill.clock import new_id, now_ms, random_hex
from promptmill.events.names import EventName
from promptmill.events.webhooks.endpoints.store import EndpointStore
from tests.support.api import eventually
from tests.support.dead_letters import StackQueue, given_up, parked
from tests.support.inbox import subscriber_inbox
from tests.support.interactions import an_interaction, counts_of
from tests.support.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.stack import Stack

ERASED = "\r\x1b[K"
MANY = 60


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> Shell:
    return Shell(stack, tmp_path)


@pytest.fixture
def dead_letters(stack: Stack, request: pytest.FixtureRequest) -> Iterator[StackQueue]:
    """An empty queue, and empty again at the end."""
    queue = StackQueue(stack, request.param)
    queue.purge()
    yield queue
    queue.purge()


def events_of(owner: str, count: int) -> list[dict[str, Any]]:
    """Events nothing follows from, as EventBridge puts them into a queue."""
    events = [an_interaction(EventName.PROMPT_CREATED, new_id("prm", now_ms())) for _ in range(count)]
    for event in events:
        event["detail"]["metadata"]["owner"] = owner
    return events


def ids(events: list[dict[str, Any]]) -> list[str]:
    return sorted(event["detail"]["metadata"]["id"] for event in events)


def test_every_queue_of_what_went_wrong_is_listed(shell: Shell) -> None:
    wanted = {
        name
        for name, resource in read_template()["Resources"].items()
        if resource["Type"] == "AWS::SQS::Queue" and ("DeadLetter" in name or "Parked" in name)
    }
    assert {row["queue"] for row in shell.results("dlq", "ls")} == wanted
    piped = shell.operate("dlq", "ls")
    assert (piped.returncode, piped.stderr) == (0, "")
    assert "\x1b" not in piped.stdout
    assert "what was received from DeliveriesQueue too often" in piped.stdout


@pytest.mark.parametrize("dead_letters", ["ParkedEventsQueue"], indirect=True)
def test_parked_events_reach_their_subscribers_once_and_poison_stays_until_it_is_mended(
    stack: Stack, shell: Shell, dead_letters: StackQueue
) -> None:
    owner = f"usr_{random_hex(16)}"
    *events, broken = events_of(owner, 12)
    for event in events:
        dead_letters.put(parked(event))
    poison = dead_letters.put({**parked(broken), "DetailType": "prompt.crated"})
    (shown,) = [row for row in shell.results("dlq", "show", "ParkedEventsQueue") if row["event"] == "prompt.crated"]
    assert shown["message_id"] == poison
    result = shell.operate("dlq", "redrive", "ParkedEventsQueue")
    assert result.returncode == 1
    assert len(result.stdout.splitlines()) == len(events)
    assert result.stderr == f"Error: {ids([broken])[0]} (prompt.crated) stays: it is no event of ours.\n"
    shell.results("dlq", "discard", "ParkedEventsQueue", poison)
    dead_letters.put(parked(broken))
    assert [one["to"] for one in shell.results("dlq", "redrive", "ParkedEventsQueue")] == ["EventBus"]
    assert ids(subscriber_inbox(stack).of(owner)) == ids([*events, broken])
    assert dead_letters.count() == 0


@pytest.mark.parametrize("dead_letters", ["InteractionsDeadLetterQueue"], indirect=True)
def test_an_interaction_that_could_not_be_counted_is_counted_once(
    stack: Stack, shell: Shell, dead_letters: StackQueue
) -> None:
    prompt = new_id("prm", now_ms())
    event = an_interaction(EventName.PROMPT_STARRED, prompt)
    for _ in range(2):
        dead_letters.put(event)
    assert [one["to"] for one in shell.results("dlq", "redrive", dead_letters.name)] == ["InteractionsWorkflow"] * 2
    assert eventually(lambda: counts_of(stack, prompt) or None)["stars"] == 1
    assert dead_letters.count() == 0


@pytest.mark.parametrize("dead_letters", ["EventDeadLetterQueue"], indirect=True)
def test_an_event_goes_to_the_target_that_did_not_take_it(stack: Stack, shell: Shell, dead_letters: StackQueue) -> None:
    owner = f"usr_{random_hex(16)}"
    (event,) = events_of(owner, 1)
    target = StackQueue(stack, "SubscriberQueue").arn()
    dead_letters.put(event, TARGET_ARN=target, ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="no")
    (would,) = shell.results("dlq", "redrive", dead_letters.name, "--dry-run")
    assert (would["to"], would["dry_run"]) == ("SubscriberQueue", True)
    assert shell.results("dlq", "redrive", dead_letters.name)[0]["to"] == "SubscriberQueue"
    assert ids(subscriber_inbox(stack).of(owner)) == ids([event])


@pytest.mark.parametrize("dead_letters", ["SubscriberDeadLetterQueue"], indirect=True)
@pytest.mark.parametrize(("end", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_what_a_redrive_that_was_ended_has_not_moved_is_still_there(
    stack: Stack, shell: Shell, dead_letters: StackQueue, end: signal.Signals, status: int
) -> None:
    owner = f"usr_{random_hex(16)}"
    events = events_of(owner, MANY)
    for event in events:
        dead_letters.put(event)
    with shell.terminal("dlq", "redrive", dead_letters.name, columns=120) as terminal:
        terminal.waits_for(f"{ERASED}messages redriven: 2 of {MANY}")
        terminal.process.send_signal(end)
        assert terminal.ends() == status
    assert "Traceback" not in terminal.shown
    moved = ids(subscriber_inbox(stack).of(owner))
    assert 0 < len(set(moved)) < MANY
    assert MANY <= len(moved) + dead_letters.count() <= MANY + 1
    if end != signal.SIGKILL:
        # Nobody holds what was received and not moved.
        shell.results("dlq", "redrive", dead_letters.name)
        arrived = ids(subscriber_inbox(stack).of(owner))
        assert set(arrived) == set(ids(events))
        assert len(arrived) <= MANY + 1
        assert dead_letters.count() == 0


def test_a_webhook_is_sent_again_what_was_given_up(stack: Stack, shell: Shell) -> None:
    owner = f"usr_{random_hex(16)}"
    webhook, delivery = given_up(stack, owner)
    assert [one["id"] for one in shell.results("webhooks", "ls", "--owner", owner)] == [webhook.id]
    assert webhook.secrets[0].value not in shell.operate("webhooks", "ls", "--owner", owner).stdout
    (listed,) = shell.results("webhooks", "deliveries", webhook.id, "--status", "failed")
    assert (listed["id"], listed["last_status_code"]) == (delivery.id, 503)
    with shell.terminal("webhooks", "redeliver", webhook.id, "--failed") as terminal:
        terminal.waits_for("again? [y/N]")
        terminal.types("y\n")
        assert terminal.ends() == 0
    assert f"{delivery.id} (job.succeeded) is sent again." in terminal.shown

    def attempts() -> int:
        return len(shell.results("webhooks", "deliveries", webhook.id)[0]["attempts"])

    assert eventually(lambda: attempts() > 1 or None)
    EndpointStore(stack.webhooks_table, stack.client("dynamodb")).delete(webhook.id)
