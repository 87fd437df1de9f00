"""A user who leaves, on every way the deletion machine can go: where it gives up, another run goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from promptmill.clock import now_ms, random_hex, timestamp
from promptmill.events.user_events import user_deleted_event
from promptmill.identity.users.store import key as user_key
from promptmill.jobs.records import job_item
from promptmill.jobs.records import key as job_key
from tests.support.api import eventually
from tests.support.builders import a_job
from tests.support.inbox import parked_inbox, subscriber_inbox
from tests.support.published import check_bus_event, check_event
from tests.workflows.edges import Edge, edges_of, taken_edges
from tests.workflows.machines import DELETION, NOWHERE, Change, Machine, Machines, Missing, copied, missing
from tests.workflows.run import Execution

if TYPE_CHECKING:
    from local.stack import Stack

LONGEST_SECONDS = 90
STRAIGHT = [
    *("MarkDeleted", "EraseUser", "ChooseByRemaining", "WaitOutAuthorizations", "EraseUser", "ChooseByRemaining"),
    *("ChooseBySignIn", "LeaveTombstone", "PublishDeleted", "UserDeleted"),
]


@dataclass(frozen=True)
class Departure:
    """What is left of one user who left. ``rerun`` is a second execution with the same input, on what is deployed."""

    user_id: str
    execution: Execution
    rerun: Execution | None
    record: dict[str, Any]
    events: list[dict[str, Any]]
    parked: list[dict[str, Any]]
    jobs: int


class World:
    """Lets users leave, each on a machine of their own choice."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.machines = Machines(stack, DELETION)
        self.states, self.dynamodb, self.cognito = map(stack.client, ("stepfunctions", "dynamodb", "cognito-idp"))

    @property
    def pool(self) -> str:
        return self.machines.values["UserPoolId"]

    def leave(self, machine: Machine, before: Callable[[World, str], None] | None, *, again: bool) -> Departure:
        user_id = f"usr_{random_hex(16)}"
        self.write_record(user_id, email="ada@example.com", display_name="Ada", issuer="https://other.example")
        if before:
            before(self, user_id)
        execution = self.run(machine, user_id, user_id)
        rerun = self.run(Machine(), user_id, f"{user_id}-again") if again else None
        return Departure(
            user_id,
            execution,
            rerun,
            self.dynamodb.get_item(TableName=self.stack.library_table, Key=user_key(user_id)).get("Item", {}),
            subscriber_inbox(self.stack).of(user_id),
            parked_inbox(self.stack).of(user_id),
            self.jobs_of(user_id),
        )

    def write_record(self, user_id: str, **attributes: str) -> None:
        item = {**user_key(user_id), **{name: {"S": value} for name, value in attributes.items()}}
        self.dynamodb.put_item(TableName=self.stack.library_table, Item=item)

    def jobs_of(self, user_id: str) -> int:
        count: int = self.dynamodb.query(
            TableName=self.stack.jobs_table,
            IndexName="gsi1",
            KeyConditionExpression="gsi1pk = :owner",
            ExpressionAttributeValues={":owner": {"S": f"OWNER#{user_id}"}},
        )["Count"]
        return count

    def run(self, machine: Machine, user_id: str, name: str) -> Execution:
        event = user_deleted_event(user_id, at_ms=0, correlation_id="req-1", traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
        arn = self.states.start_execution(
            stateMachineArn=self.machines.arn(machine),
            name=name,
            input=json.dumps({"user_id": user_id, "event": event}),
        )["executionArn"]

        def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = self.states.describe_execution(executionArn=arn)
            return None if found["status"] == "RUNNING" else found

        found = eventually(ended, seconds=LONGEST_SECONDS, pause_seconds=0.2)
        pages = self.states.get_paginator("get_execution_history").paginate(executionArn=arn)
        return Execution(found["status"], found.get("error"), [event for page in pages for event in page["events"]])


def with_a_job(world: World, user_id: str) -> None:
    """One of ten minutes ago."""
    born_ms = now_ms() - 600_000
    job = a_job("succeeded", owner=user_id, due_at=None, finished_at=timestamp(born_ms))
    items = [job_item(job), {**job_key(job.id, "REQUEST"), "request": {"S": "{}"}}]
    for item in items:
        world.dynamodb.put_item(TableName=world.stack.jobs_table, Item=item)


def of_the_pool(world: World, user_id: str) -> None:
    """One who signs in with the stack's own user pool, but whom it does not have any more."""
    issuer = world.machines.values["UserPoolIssuer"]
    world.write_record(user_id, issuer=issuer, username=user_id, email="ada@example.com")


def in_the_pool(world: World, user_id: str) -> None:
    of_the_pool(world, user_id)
    email = {"Name": "email", "Value": f"{user_id}@example.com"}
    made = world.cognito.admin_create_user(
        UserPoolId=world.pool, Username=f"{user_id}@example.com", UserAttributes=[email], MessageAction="SUPPRESS"
    )
    world.write_record(user_id, issuer=world.machines.values["UserPoolIssuer"], username=made["User"]["Username"])


NO_BUS = Change("EventBusName", Missing())
NO_STORE = copied("EraseUserFunctionArn", AWS_ENDPOINT_URL_DYNAMODB=NOWHERE)
CASES: dict[str, tuple[Machine, Callable[[World, str], None] | None]] = {
    "nothing": (Machine(), None),
    "job": (Machine(), with_a_job),
    "sign_in": (Machine(), in_the_pool),
    "sign_in_gone": (Machine(), of_the_pool),
    "no_pool": (missing("UserPoolId"), of_the_pool),
    "no_table": (missing("LibraryTableName", "MarkDeleted"), None),
    "no_tombstone": (missing("LibraryTableName", "LeaveTombstone"), None),
    "no_store": (NO_STORE, with_a_job),
    "parked": (Machine((NO_BUS,)), None),
    "unparked": (Machine((NO_BUS, Change("ParkedEventsQueueUrl", Missing()))), None),
}
# What gives up, where, and how often it was tried.
STOPPED = [
    ("no_pool", "DeleteSignIn", 7),
    ("no_table", "MarkDeleted", 7),
    ("no_tombstone", "LeaveTombstone", 7),
    ("no_store", "EraseUser", 7),
    ("unparked", "ParkDeleted", 9),
]


class Departures:
    """All cases, side by side from the first moment one is asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._pool = ThreadPoolExecutor(len(CASES))
        again = {name for name, _, _ in STOPPED}
        self._futures: dict[str, Future[Departure]] = {
            name: self._pool.submit(world.leave, *case, again=name in again) for name, case in CASES.items()
        }

    def of(self, case: str) -> Departure:
        return self._futures[case].result(timeout=5 * LONGEST_SECONDS)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def departures(stack: Stack) -> Iterator[Departures]:
    world = Departures(World(stack))
    yield world
    world.close()


def check_tombstone(departure: Departure) -> None:
    """Nothing of the record is left but whose it is and when they left."""
    assert departure.record.keys() == {"pk", "sk", "deleted_at", "expires_at"}
    days = (int(departure.record["expires_at"]["N"]) - now_ms() // 1000) / 86_400
    assert 89 < days <= 90


def check_announced(departure: Departure) -> None:
    """Once, as what the catalogue says, at the time the record was marked."""
    (event,) = departure.events
    check_bus_event(event)
    assert event["detail-type"] == "user.deleted"
    assert event["detail"]["metadata"]["owner"] == departure.user_id
    assert event["detail"]["metadata"]["occurred_at"] == departure.record["deleted_at"]["S"]


@pytest.mark.parametrize("case", ["nothing", "job", "sign_in", "sign_in_gone"])
def test_a_user_who_left_is_a_tombstone_and_one_event(departures: Departures, case: str) -> None:
    departure = departures.of(case)
    assert departure.execution.status == "SUCCEEDED"
    check_tombstone(departure)
    check_announced(departure)
    assert (departure.jobs, departure.parked) == (0, [])


def test_who_has_nothing_goes_straight_through_and_is_looked_for_twice(departures: Departures) -> None:
    assert departures.of("nothing").execution.states == STRAIGHT


def test_a_page_that_had_something_is_followed_by_another_before_anything_else(departures: Departures) -> None:
    paused = ["EraseUser", "ChooseByRemaining", "PauseErasure", "EraseUser", "ChooseByRemaining"]
    assert departures.of("job").execution.states[1:7] == [*paused, "WaitOutAuthorizations"]


def test_the_sign_in_of_the_stacks_own_user_pool_goes_too(departures: Departures) -> None:
    departure = departures.of("sign_in")
    assert departure.execution.states[-4:] == ["DeleteSignIn", "LeaveTombstone", "PublishDeleted", "UserDeleted"]
    users = departures.world.cognito.list_users(UserPoolId=departures.world.pool)["Users"]
    assert departure.user_id not in json.dumps(users, default=str)


def test_a_sign_in_that_is_gone_already_is_not_tried_twice(departures: Departures) -> None:
    assert departures.of("sign_in_gone").execution.attempts("DeleteSignIn") == 1


@pytest.mark.parametrize(("case", "state", "attempts"), STOPPED)
def test_where_a_step_gives_up_the_execution_fails_and_another_one_goes_on(
    departures: Departures, case: str, state: str, attempts: int
) -> None:
    departure = departures.of(case)
    assert (departure.execution.status, departure.execution.states[-1]) == ("FAILED", state)
    assert departure.execution.error
    assert departure.execution.attempts(state) == attempts
    assert departure.rerun is not None
    assert (departure.rerun.status, departure.rerun.states[-1]) == ("SUCCEEDED", "UserDeleted")
    check_tombstone(departure)
    check_announced(departure)
    assert departure.jobs == 0


def test_an_event_the_bus_does_not_take_is_parked_as_an_entry_it_takes(departures: Departures) -> None:
    departure = departures.of("parked")
    assert departure.execution.states[-3:] == ["PublishDeleted", "ParkDeleted", "UserDeleted"]
    assert departure.execution.attempts("PublishDeleted") == 7
    assert departure.events == []
    (message,) = departure.parked
    assert message.keys() == {"EventBusName", "Source", "DetailType", "Detail"}
    assert (message["Source"], message["DetailType"]) == ("promptmill.users", "user.deleted")
    check_event("user.deleted", json.loads(message["Detail"]))


def test_every_edge_of_the_file_is_taken(departures: Departures) -> None:
    definition = departures.world.machines.template
    taken: set[Edge] = set()
    for case in CASES:
        departure = departures.of(case)
        for execution in filter(None, (departure.execution, departure.rerun)):
            taken |= taken_edges(definition, execution.history)
    assert taken == edges_of(definition)
