"""The queues of a stack and its workflow for interactions, in moto, and the operators' command run on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from types import SimpleNamespace
from typing import Any

from click.testing import CliRunner, Result

from operations.deployment import Deployment, Resource
from operations.program import operations
from promptmill.clock import new_id, now_ms, random_hex
from promptmill.events.names import EventName
from promptmill.events.publish import EventBus
from tests.integration.tables import client
from tests.support.interactions import an_interaction
from tests.unit.operations.stage import MemoryJournal

SOURCES = {"DeliveriesQueue": "DeliveriesDeadLetterQueue", "AnalyticsQueue": "AnalyticsDeadLetterQueue"}
OTHERS = ("EventDeadLetterQueue", "InteractionsDeadLetterQueue", "ParkedEventsQueue")
ROLE = "arn:aws:iam::123456789012:role/interactions"
BUS = "promptmill-dev"
NOTHING = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})


class Bus:
    """EventBridge with one bus: ``refuses`` says which events, by their ids, it does not take.

    ``before`` and ``after`` are called with each request.
    """

    def __init__(self) -> None:
        self.requests: list[list[dict[str, str]]] = []
        self.refuses: Callable[[str], bool] = lambda _event_id: False
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def put_events(self, *, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        self.before()
        refused = [self.refuses(json.loads(entry["Detail"])["metadata"]["id"]) for entry in Entries]
        taken = [entry for entry, is_refused in zip(Entries, refused, strict=True) if not is_refused]
        assert {entry["EventBusName"] for entry in Entries} == {BUS}
        self.requests.append(taken)
        self.after()
        return {"Entries": [{"ErrorCode": "ThrottlingException"} if one else {} for one in refused]}

    @property
    def published(self) -> list[tuple[str, dict[str, Any]]]:
        """The events by their names."""
        entries = chain.from_iterable(self.requests)
        return [(entry["DetailType"], json.loads(entry["Detail"])) for entry in entries]


class Queues:
    def __init__(self) -> None:
        self.name = f"promptmill-{random_hex(4)}"
        self.sqs = client("sqs")
        # moto is one server, so there is no other to wait for.
        self.sqs.meta.events.register("provide-client-params.sqs.ReceiveMessage", _at_once)
        self.clients = {name: client(name) for name in ("cloudwatch", "stepfunctions")} | {"sqs": self.sqs}
        self.urls = {
            name: self.sqs.create_queue(QueueName=f"{self.name}-{name}")["QueueUrl"]
            for name in (*SOURCES.values(), *OTHERS)
        }
        # As often as a test may look into them.
        for source, dead in SOURCES.items():
            policy = json.dumps({"deadLetterTargetArn": self.arn(dead), "maxReceiveCount": 1000})
            self.urls[source] = self.sqs.create_queue(
                QueueName=f"{self.name}-{source}", Attributes={"RedrivePolicy": policy}
            )["QueueUrl"]
        self.workflow = self.clients["stepfunctions"].create_state_machine(
            name=self.name, definition=NOTHING, roleArn=ROLE
        )["stateMachineArn"]
        self.bus = Bus()
        self.journal = MemoryJournal()

    def arn(self, name: str) -> str:
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.urls[name], AttributeNames=["QueueArn"])
        return str(attributes["Attributes"]["QueueArn"])

    def put(self, name: str, body: dict[str, Any] | str, *, group: str = "", **attributes: str) -> str:
        """Puts a message into the queue with these attributes; its id."""
        text = body if isinstance(body, str) else json.dumps(body)
        given = {key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()}
        grouped = {"MessageGroupId": group} if group else {}
        sent = self.sqs.send_message(QueueUrl=self.urls[name], MessageBody=text, MessageAttributes=given, **grouped)
        return str(sent["MessageId"])

    def messages(self, name: str) -> list[dict[str, Any]]:
        """What can be received from the queue, which stays there."""
        found: list[dict[str, Any]] = []
        while received := self.sqs.receive_message(
            QueueUrl=self.urls[name],
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages"):
            found += received
        self.release(name, found)
        return found

    def release(self, name: str, messages: list[dict[str, Any]]) -> None:
        """Lets those that are not deleted be received again."""
        for message in messages:
            with suppress(self.sqs.exceptions.ClientError):
                self.sqs.change_message_visibility(
                    QueueUrl=self.urls[name], ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )

    def bodies(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(message["Body"]) for message in self.messages(name)]

    def executions(self) -> list[dict[str, Any]]:
        """What the workflow was started with."""
        steps = self.clients["stepfunctions"]
        listed = steps.list_executions(stateMachineArn=self.workflow)["executions"]
        return [json.loads(steps.describe_execution(executionArn=one["executionArn"])["input"]) for one in listed]

    @property
    def deployment(self) -> Deployment:
        session = SimpleNamespace(client=lambda service, **_config: self.clients[service])
        deployment = Deployment("dev", {}, session)
        resources = {name: Resource("AWS::SQS::Queue", url) for name, url in self.urls.items()}
        workflow = Resource("AWS::StepFunctions::StateMachine", self.workflow)
        deployment.resources = {**resources, "InteractionsWorkflow": workflow}
        deployment.bus = EventBus(BUS, self.bus)
        deployment.journal = self.journal
        return deployment

    def run(self, *arguments: str) -> Result:
        deployment = self.deployment
        return CliRunner(mix_stderr=False).invoke(operations, arguments, obj=lambda _stage: deployment)

    def results(self, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
        """What a command that ends with this status prints for a program."""
        result = self.run(*arguments, "--json")
        assert (result.exit_code, result.stderr) == (status, ""), (result.stderr, result.exception)
        return [json.loads(line) for line in result.stdout.splitlines()]


def an_event() -> dict[str, Any]:
    """As EventBridge puts it into a queue."""
    return an_interaction(EventName.PROMPT_STARRED, new_id("prm", now_ms()))


def event_id(event: dict[str, Any]) -> str:
    return str(event["detail"]["metadata"]["id"])


def _at_once(params: dict[str, Any], **_: Any) -> None:
    params["WaitTimeSeconds"] = 0
