"""A copy or a star of a prompt, on every way the interactions machine can go: counted once, or parked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from promptmill.clock import new_id, now_ms
from promptmill.events.names import EventName
from tests.support.api import eventually
from tests.support.inbox import Inbox
from tests.support.interactions import an_interaction, counts_of
from tests.workflows.edges import Edge, edges_of, taken_edges, visits
from tests.workflows.machines import INTERACTIONS, Change, Machine, Machines, Missing
from tests.workflows.run import Execution

if TYPE_CHECKING:
    from local.stack import Stack

LONGEST_SECONDS = 90
DAY_SECONDS = 86_400
NO_TABLE = Change("AnalyticsTableName", Missing())


@dataclass(frozen=True)
class Case:
    """``runs`` executions of the same event, one after the other; ``before`` the first, ``during`` each."""

    name: EventName = EventName.PROMPT_COPIED
    machine: Machine = field(default_factory=Machine)
    runs: int = 1
    data: dict[str, str] | None = None
    before: Callable[[World, str], None] | None = None
    during: Callable[[World, str, str], None] | None = None


@dataclass(frozen=True)
class Interaction:
    """What is left of one event."""

    event: dict[str, Any]
    executions: list[Execution]
    counts: dict[str, int]
    note: dict[str, Any]
    parked: list[dict[str, Any]]

    @property
    def execution(self) -> Execution:
        return self.executions[0]


class World:
    """Runs executions of the workflow, each on a machine of its own choice."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.machines = Machines(stack, INTERACTIONS)
        self.states, self.dynamodb = map(stack.client, ("stepfunctions", "dynamodb"))
        self.inbox = Inbox(stack.client("sqs"), self.machines.values["InteractionsDeadLetterQueueUrl"])

    def take(self, case: Case) -> Interaction:
        prompt_id = new_id("prm", now_ms())
        event = an_interaction(case.name, prompt_id)
        if case.data is not None:
            event["detail"]["data"] = case.data
        if case.before:
            case.before(self, prompt_id)
        executions = [self.run(case, event, prompt_id) for _ in range(case.runs)]
        metadata = event["detail"]["metadata"]
        return Interaction(
            event,
            executions,
            counts_of(self.stack, prompt_id),
            self.note_of(metadata["id"]),
            self.inbox.of(metadata["owner"]),
        )

    def run(self, case: Case, event: dict[str, Any], prompt_id: str) -> Execution:
        started = self.states.start_execution(stateMachineArn=self.machines.arn(case.machine), input=json.dumps(event))[
            "executionArn"
        ]
        if case.during:
            case.during(self, started, prompt_id)

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = self.states.describe_execution(executionArn=started)
            return None if found["status"] == "RUNNING" else found

        found = eventually(ended, seconds=LONGEST_SECONDS, pause_seconds=0.1)
        return Execution(found["status"], found.get("error"), self.history(started))

    def history(self, execution: str) -> list[dict[str, Any]]:
        """AWS keeps none of an Express workflow's, the local stack does."""
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=execution)
        return [event for page in pages for event in page["events"]]

    def note_of(self, event_id: str) -> dict[str, Any]:
        key = {"pk": {"S": f"EVENT#{event_id}"}, "sk": {"S": "INTERACTIONS"}}
        item: dict[str, Any] = self.dynamodb.get_item(TableName=self.stack.analytics_table, Key=key).get("Item", {})
        return item

    def write_copies(self, prompt_id: str, copies: dict[str, str]) -> None:
        key = {"pk": {"S": f"PROMPT#{prompt_id}"}, "sk": {"S": "COUNTS"}}
        self.dynamodb.put_item(TableName=self.stack.analytics_table, Item={**key, "copies": copies})


def uncountable(world: World, prompt_id: str) -> None:
    """While its copies are a text, a transaction that adds to them is canceled, as one is that conflicts."""
    world.write_copies(prompt_id, {"S": "many"})


def countable_again(world: World, execution: str, prompt_id: str) -> None:
    """Once the execution has met the conflict."""

    def waits() -> bool | None:
        return any(visit.state == "WaitOutConflict" for visit in visits(world.history(execution))) or None

    eventually(waits, seconds=LONGEST_SECONDS, pause_seconds=0.02)
    world.write_copies(prompt_id, {"N": "41"})


CASES = {
    "copied": Case(EventName.PROMPT_COPIED),
    "starred": Case(EventName.PROMPT_STARRED),
    "unstarred": Case(EventName.PROMPT_UNSTARRED),
    "twice": Case(runs=2),
    "conflict": Case(before=uncountable, during=countable_again),
    "conflicts": Case(before=uncountable),
    "no_table": Case(machine=Machine((NO_TABLE,))),
    "no_prompt": Case(data={}),
    "not_counted": Case(EventName.PROMPT_CREATED),
    "unparked": Case(machine=Machine((NO_TABLE, Change("InteractionsDeadLetterQueueUrl", Missing())))),
}
# What gives up, why, and how often the transaction was tried.
PARKED = [
    ("conflicts", "DynamoDb.TransactionCanceledException", 6),
    ("no_table", "DynamoDb.ResourceNotFoundException", 4),
    ("no_prompt", "States.QueryEvaluationError", 1),
    ("not_counted", "States.QueryEvaluationError", 1),
]


class Interactions:
    """All cases, side by side from the first moment one is asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._pool = ThreadPoolExecutor(len(CASES))
        self._futures: dict[str, Future[Interaction]] = {
            name: self._pool.submit(world.take, case) for name, case in CASES.items()
        }

    def of(self, case: str) -> Interaction:
        return self._futures[case].result(timeout=5 * LONGEST_SECONDS)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def interactions(stack: Stack) -> Iterator[Interactions]:
    world = Interactions(World(stack))
    yield world
    world.close()


@pytest.mark.parametrize(
    ("case", "counts"), [("copied", {"copies": 1}), ("starred", {"stars": 1}), ("unstarred", {"stars": -1})]
)
def test_an_interaction_is_counted_in_one_transaction(
    interactions: Interactions, case: str, counts: dict[str, int]
) -> None:
    interaction = interactions.of(case)
    assert interaction.execution.status == "SUCCEEDED"
    assert interaction.execution.states == ["TakeInteraction", "CountInteraction", "InteractionCounted"]
    assert (interaction.counts, interaction.parked) == (counts, [])


def test_the_note_of_an_event_says_nothing_but_which_and_goes_after_the_archive(interactions: Interactions) -> None:
    note = interactions.of("copied").note
    assert note.keys() == {"pk", "sk", "expires_at"}
    archive_days = int(interactions.world.machines.values["ArchiveDays"])
    days = (int(note["expires_at"]["N"]) - now_ms() // 1000) / DAY_SECONDS
    assert archive_days + 29 < days <= archive_days + 30


def test_an_event_that_comes_again_is_recognised_at_the_first_try_and_counts_nothing(
    interactions: Interactions,
) -> None:
    interaction = interactions.of("twice")
    again = interaction.executions[1]
    assert again.status == "SUCCEEDED"
    assert again.states == ["TakeInteraction", "CountInteraction", "ChooseByReasons", "InteractionCounted"]
    assert again.attempts("CountInteraction") == 1
    assert (interaction.counts, interaction.parked) == ({"copies": 1}, [])


def test_a_transaction_that_met_another_one_is_made_again(interactions: Interactions) -> None:
    interaction = interactions.of("conflict")
    assert interaction.execution.status == "SUCCEEDED"
    assert interaction.execution.states[:5] == [
        *("TakeInteraction", "CountInteraction", "ChooseByReasons", "WaitOutConflict", "CountInteraction")
    ]
    assert (interaction.counts, interaction.parked) == ({"copies": 42}, [])


@pytest.mark.parametrize(("case", "error", "attempts"), PARKED)
def test_what_cannot_be_counted_is_parked_as_the_workflow_takes_it(
    interactions: Interactions, case: str, error: str, attempts: int
) -> None:
    interaction = interactions.of(case)
    assert (interaction.execution.status, interaction.execution.error) == ("FAILED", error)
    assert interaction.execution.states[-2:] == ["ParkInteraction", "InteractionFailed"]
    assert interaction.execution.attempts("CountInteraction") == attempts
    assert interaction.parked == [interaction.event]
    assert (interaction.counts, interaction.note) == ({}, {})


def test_what_cannot_be_parked_either_fails_and_is_left_to_the_archive(interactions: Interactions) -> None:
    interaction = interactions.of("unparked")
    assert (interaction.execution.status, interaction.execution.error) == (
        "FAILED",
        "DynamoDb.ResourceNotFoundException",
    )
    assert interaction.execution.attempts("ParkInteraction") == 4
    assert interaction.parked == []


def test_every_edge_of_the_file_is_taken(interactions: Interactions) -> None:
    definition = interactions.world.machines.template
    taken: set[Edge] = set()
    for case in CASES:
        for execution in interactions.of(case).executions:
            taken |= taken_edges(definition, execution.history)
    assert taken == edges_of(definition)
