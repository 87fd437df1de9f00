"""The rights that docs/operations.md says each command needs: with these it works, and it asks for no others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import boto3
import click
import pytest
from click.testing import CliRunner, Result

from local.sam import CREDENTIALS
from local.stack import ROOT, Stack
from operations.dead_letters import PARKED
from operations.deployment import find_deployment
from operations.program import operations
from promptmill.analytics.store import RollupStore
from promptmill.clock import new_id, now_ms, random_hex, timestamp
from promptmill.events.names import EventName
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.events.webhooks.model import Delivery, Webhook
from tests.e2e.test_command import in_its_model_call, stopped_in_its_model_call
from tests.support.api import Api, eventually, new_address, user_at
from tests.support.dead_letters import StackQueue, given_up, parked
from tests.support.decisions import ASKED_AS, decisions_of
from tests.support.interactions import an_interaction
from tests.support.stand_ins import StandIns

RIGHT = re.compile(r"`(\w+:\w+)`")
# Whoever has credentials may ask whose they are.
NEEDS_NO_RIGHT = "sts:GetCallerIdentity"
# MiniStack lets anybody do it.
NOT_ASKED = {"lambda:UpdateEventSourceMapping"}
# MiniStack's Step Functions has no redrive; whether one may, it looks at all the same.
NOT_HERE = {"jobs redrive"}
ACCOUNT = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}


def documented() -> dict[str, set[str]]:
    """The rights by command, without those behind a semicolon, which are for more than the bare command."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = page.partition("\n| command | rights |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [row.strip("|").split("|") for row in table.splitlines()]
    return {name.strip(" `"): set(RIGHT.findall(rights.partition(";")[0])) for name, rights in rows}


RIGHTS = documented()
COMMANDS = sorted(RIGHTS.keys() - {"every command", "every change"})


def command_of(words: list[str]) -> click.Command:
    found: click.Command = operations
    for word in words:
        assert isinstance(found, click.Group)
        found = found.commands[word]
    return found


def needed(command: str) -> set[str]:
    """What is documented for the command, all in all."""
    parameters = {parameter.name for parameter in command_of(command.split()[:2]).params}
    changes = RIGHTS["every change"] if "dry_run" in parameters else set()
    return RIGHTS[command] | RIGHTS["every command"] | changes


@dataclass
class Situation:
    """A user with a job that is over; what a command needs besides is made when it is asked for."""

    stack: Stack
    api: Api
    stand_ins: StandIns
    job_id: str
    webhooks: list[str] = field(default_factory=list)

    @property
    def owner(self) -> str:
        return user_at(self.stack, self.api.address).owner

    @property
    def running(self) -> str:
        """A new job that will be at work for a while."""
        return in_its_model_call(self.api, self.stand_ins, f"Say {random_hex(4)} until somebody stops you.", seconds=3)

    @property
    def key_id(self) -> str:
        """A new API key."""
        made = operate(boto3.Session(), "keys create", *ON["keys create"](self), "--json")
        return str(json.loads(made.stdout)["id"])

    @property
    def given_up(self) -> tuple[Webhook, Delivery]:
        """A new webhook, and what was sent to it in vain."""
        webhook, delivery = given_up(self.stack, f"usr_{random_hex(16)}")
        self.webhooks.append(webhook.id)
        return webhook, delivery


def on_running_jobs(situation: Situation) -> list[str]:
    assert situation.running
    return []


def on_counted_jobs(situation: Situation) -> list[str]:
    today = timestamp(now_ms())[:10]
    rollups = RollupStore(situation.stack.analytics_table, situation.stack.client("dynamodb"))
    eventually(lambda: [*rollups.owners_rows(situation.owner, first_day=today, last_day=today)] or None)
    return ["--from", today]


def on_a_message(queue: str, situation: Situation) -> list[str]:
    """The queue, with an event in it and nothing else."""
    event = an_interaction(EventName.PROMPT_STARRED, new_id("prm", now_ms()))
    letters = StackQueue(situation.stack, queue)
    letters.purge()
    letters.put(parked(event) if queue == PARKED else event)
    return [queue]


def on_a_message_by_its_id(situation: Situation) -> list[str]:
    return [PARKED, StackQueue(situation.stack, PARKED).put("no event")]


# What each command is run on.
ON: dict[str, Callable[[Situation], list[str]]] = {
    "jobs ls": lambda _: [],
    "jobs ls --owner": lambda situation: [situation.owner],
    "jobs ls --status running": on_running_jobs,
    "jobs show": lambda situation: [situation.job_id],
    "jobs follow": lambda situation: [situation.job_id],
    "jobs cancel": lambda situation: [situation.running],
    "jobs replay": lambda situation: [situation.job_id],
    "jobs redrive": lambda it: [stopped_in_its_model_call(it.stack, it.api, it.stand_ins)],
    "executions show": lambda situation: [situation.job_id],
    "limits show": lambda situation: [situation.owner],
    "limits set": lambda situation: [situation.owner, "--burst", "9"],
    "keys ls": lambda _: [],
    "keys create": lambda situation: ["--name", "billing", "--owner", situation.owner, "--scope", "jobs:read"],
    "keys revoke": lambda situation: [situation.key_id],
    "events tail": lambda _: ["--for", "1s"],
    "dlq ls": lambda _: [],
    "dlq show": lambda situation: on_a_message(PARKED, situation),
    "dlq discard": on_a_message_by_its_id,
    "dlq redrive SubscriberDeadLetterQueue": lambda situation: on_a_message("SubscriberDeadLetterQueue", situation)[1:],
    "dlq redrive ParkedEventsQueue": lambda situation: on_a_message(PARKED, situation)[1:],
    "dlq redrive InteractionsDeadLetterQueue": lambda it: on_a_message("InteractionsDeadLetterQueue", it)[1:],
    "webhooks ls": lambda situation: ["--owner", situation.given_up[0].owner or ""],
    "webhooks deliveries": lambda situation: [situation.given_up[0].id],
    "webhooks redeliver": lambda situation: [one.id for one in situation.given_up],
    "analytics rebuild": on_counted_jobs,
}


@pytest.fixture(scope="module")
def situation(stack: Stack) -> Iterator[Situation]:
    stand_ins = StandIns(stack)
    with Api(stack, new_address()) as api:
        job = api.run(kind="enhance", prompt="Explain rights to somebody who has always had them.")
        made = Situation(stack, api, stand_ins, job["id"])
        yield made
    stand_ins.close()
    for webhook_id in made.webhooks:
        EndpointStore(stack.webhooks_table, stack.client("dynamodb")).delete(webhook_id)
    StackQueue(stack, PARKED).purge()


@pytest.fixture(autouse=True)
def _set_to_the_stack(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": stack.endpoint_url}.items():
        monkeypatch.setenv(name, value)


def operate(session: boto3.Session, command: str, *arguments: str) -> Result:
    return CliRunner(mix_stderr=False).invoke(
        operations, [*command.split(), *arguments], obj=lambda stage: find_deployment(stage, session=session)
    )


def session_with(stack: Stack, role: str, rights: set[str]) -> boto3.Session:
    """A session of a role with this name and these rights."""
    iam = stack.client("iam")
    created = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Statement": [ACCOUNT]}))
    statement = {"Effect": "Allow", "Action": sorted(rights), "Resource": "*"}
    iam.put_role_policy(RoleName=role, PolicyName="rights", PolicyDocument=json.dumps({"Statement": [statement]}))
    taken_on = stack.client("sts").assume_role(RoleArn=created["Role"]["Arn"], RoleSessionName="ada")["Credentials"]
    return boto3.Session(
        aws_access_key_id=taken_on["AccessKeyId"],
        aws_secret_access_key=taken_on["SecretAccessKey"],
        aws_session_token=taken_on["SessionToken"],
        region_name=stack.region,
    )


def test_the_rights_of_every_command_are_documented() -> None:
    groups = {name: group for name, group in operations.commands.items() if isinstance(group, click.Group)}
    commands = {f"{name} {command}" for name, group in groups.items() for command in group.commands}
    assert {" ".join(command.split()[:2]) for command in COMMANDS} == commands


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_works_with_the_rights_it_is_said_to_need_and_uses_each(
    stack: Stack, situation: Situation, command: str
) -> None:
    role, rights = f"operator-{random_hex(4)}", {ASKED_AS.get(right, right) for right in needed(command) - NOT_ASKED}
    result = operate(session_with(stack, role, rights), command, *ON[command](situation))
    asked = [decision for decision in decisions_of(stack) if decision.role == role]
    assert {decision.action for decision in asked if not decision.allowed} == set()
    assert {decision.action for decision in asked} - {NEEDS_NO_RIGHT} == rights
    assert result.exit_code == (1 if command in NOT_HERE else 0), result.stderr
