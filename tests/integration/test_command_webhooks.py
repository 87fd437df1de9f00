"""``webhooks``: what operators see of webhooks, and what is sent again."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from operations.deployment import Deployment, Resource
from operations.program import operations
from promptmill.clock import now_ms, random_hex
from promptmill.events.webhooks.model import Delivery, DeliveryStatus, DisabledReason, Webhook, disabled
from tests.integration.tables import client
from tests.support.builders import AT, AT_MS
from tests.support.dead_letters import REFUSED
from tests.support.deliveries import a_delivery
from tests.support.webhooks import added, an_owner
from tests.unit.operations.stage import MemoryJournal


class Webhooks:
    """Webhooks in moto, and the command run on them."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self.sqs = client("sqs")
        self.queue = self.sqs.create_queue(QueueName=f"deliveries-{random_hex(4)}")["QueueUrl"]
        clients = {"dynamodb": dynamodb, "sqs": self.sqs}
        session = SimpleNamespace(client=lambda service, **_config: clients[service])
        self.deployment = Deployment("dev", {"WebhooksTableName": table}, session)
        self.deployment.resources = {"DeliveriesQueue": Resource("AWS::SQS::Queue", self.queue)}
        self.journal = self.deployment.journal = MemoryJournal()

    def has(self, **fields: Any) -> Webhook:
        return added(self.deployment.webhooks, **fields)

    def was_sent(
        self, webhook: Webhook, status: DeliveryStatus = DeliveryStatus.FAILED, *, ago_ms: int = 0, **fields: Any
    ) -> Delivery:
        """Something that was tried once, and is in this state since."""
        at_ms = now_ms() - ago_ms
        store = self.deployment.deliveries
        delivery = a_delivery(webhook_id=webhook.id, at_ms=at_ms, **fields)
        assert store.add(delivery, at_ms=at_ms)
        claimed = store.claim(webhook.id, delivery.id, at_ms=at_ms)
        assert claimed
        assert store.record(claimed, REFUSED, status, at_ms=at_ms)
        return store.get(webhook.id, delivery.id, at_ms=now_ms())

    def asked_for(self) -> set[str]:
        """The deliveries that messages ask for."""
        found = set()
        while messages := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            found |= {json.loads(message["Body"])["delivery_id"] for message in messages}
        return found

    def run(self, *arguments: str) -> Result:
        return CliRunner(mix_stderr=False).invoke(operations, arguments, obj=lambda _stage: self.deployment)

    def results(self, *arguments: str) -> list[dict[str, Any]]:
        """What a command that ends well prints for a program."""
        result = self.run(*arguments, "--json")
        assert (result.exit_code, result.stderr) == (0, ""), (result.stderr, result.exception)
        return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def webhooks(dynamodb: Any, webhooks_table: str) -> Webhooks:
    return Webhooks(dynamodb, webhooks_table)


def test_webhooks_are_listed_newest_first_and_without_their_secrets(webhooks: Webhooks) -> None:
    owner = an_owner()
    of_all, own, off = webhooks.has(), webhooks.has(owner=owner), webhooks.has(owner=owner)
    endpoints = webhooks.deployment.webhooks
    endpoints.change(off, disabled(off, DisabledReason.GONE, at_ms=AT_MS))
    listed = webhooks.results("webhooks", "ls")
    assert [one["id"] for one in listed] == sorted([of_all.id, own.id, off.id], reverse=True)
    assert {one["id"]: one["disabled_reason"] for one in listed} == {of_all.id: None, own.id: None, off.id: "gone"}
    for printed in (json.dumps(listed), webhooks.run("webhooks", "ls").stdout):
        assert of_all.url in printed
        assert not any(secret.value in printed for one in (of_all, own, off) for secret in one.secrets)
    assert {one["id"] for one in webhooks.results("webhooks", "ls", "--owner", owner)} == {own.id, off.id}
    assert [one["id"] for one in webhooks.results("webhooks", "ls", "--status", "disabled")] == [off.id]
    assert len(webhooks.results("webhooks", "ls", "--limit", "2")) == 2
    assert webhooks.run("webhooks", "ls", "--owner", an_owner()).stderr == "No such webhooks.\n"


def test_what_a_webhook_was_sent_is_listed_with_its_attempts_and_without_content(webhooks: Webhooks) -> None:
    webhook = webhooks.has()
    old = webhooks.was_sent(webhook, ago_ms=7_200_000)
    new = webhooks.was_sent(webhook, DeliveryStatus.DELIVERED, ago_ms=60_000)
    webhooks.was_sent(webhooks.has())
    listed = webhooks.results("webhooks", "deliveries", webhook.id)
    assert [one["id"] for one in listed] == [new.id, old.id]
    assert listed[1]["attempts"] == [{"at": AT, "duration_ms": 12, "status_code": 503, "error": "answered_5xx"}]
    assert (listed[1]["last_status_code"], listed[1]["last_error"]) == (503, "answered_5xx")
    assert "body" not in listed[1]
    for filters, found in (
        (["--status", "failed"], [old.id]),
        (["--since", "1h"], [new.id]),
        (["--limit", "1"], [new.id]),
    ):
        assert [one["id"] for one in webhooks.results("webhooks", "deliveries", webhook.id, *filters)] == found
    absent = webhooks.run("webhooks", "deliveries", webhook.id[:-1] + ("0" if webhook.id[-1] != "0" else "1"))
    assert (absent.exit_code, absent.stderr) == (1, "Error: There is no such webhook.\n")


def test_a_delivery_is_sent_again_whatever_became_of_it(webhooks: Webhooks) -> None:
    webhook = webhooks.has()
    failed, delivered = webhooks.was_sent(webhook), webhooks.was_sent(webhook, DeliveryStatus.DELIVERED)
    told = webhooks.results("webhooks", "redeliver", webhook.id, failed.id, delivered.id)
    assert [(one["delivery_id"], one["status"]) for one in told] == [(failed.id, "pending"), (delivered.id, "pending")]
    assert webhooks.asked_for() == {failed.id, delivered.id}
    again = webhooks.deployment.deliveries.get(webhook.id, failed.id, at_ms=now_ms())
    assert (again.status, again.begun, again.attempts, again.body) == (
        DeliveryStatus.PENDING,
        0,
        failed.attempts,
        failed.body,
    )
    noted = [{"webhook_id": webhook.id, "delivery_id": one.id} for one in (failed, delivered)]
    assert webhooks.journal.lines == [("webhooks redeliver", ids) for ids in noted]


def test_all_that_was_given_up_since_then_is_sent_again_but_no_tests(webhooks: Webhooks) -> None:
    webhook = webhooks.has()
    webhooks.was_sent(webhook, ago_ms=7_200_000)
    webhooks.was_sent(webhook, DeliveryStatus.DELIVERED)
    wanted = {webhooks.was_sent(webhook).id for _ in range(3)}
    webhooks.was_sent(webhook, is_test=True)
    search = ("webhooks", "redeliver", webhook.id, "--failed", "--since", "1h")
    would = webhooks.results(*search, "--dry-run")
    assert {(one["status"], one["dry_run"]) for one in would} == {("failed", True)}
    assert (webhooks.asked_for(), webhooks.journal.lines) == (set(), [])
    unconfirmed = webhooks.run(*search)
    assert (unconfirmed.exit_code, unconfirmed.stdout) == (2, "")
    assert {one["delivery_id"] for one in webhooks.results(*search, "--yes")} == wanted == webhooks.asked_for()
    assert webhooks.run(*search, "--yes").stderr == "No such deliveries.\n"


def test_nothing_is_sent_to_a_webhook_that_is_disabled(webhooks: Webhooks) -> None:
    webhook = webhooks.has()
    delivery = webhooks.was_sent(webhook)
    webhooks.deployment.webhooks.change(webhook, disabled(webhook, DisabledReason.GONE, at_ms=AT_MS))
    for dry in ([], ["--dry-run"]):
        result = webhooks.run("webhooks", "redeliver", webhook.id, delivery.id, *dry)
        assert (result.exit_code, result.stderr) == (
            1,
            "Error: The webhook is disabled (gone): nothing is sent to it.\n",
        )
    assert (webhooks.asked_for(), webhooks.journal.lines) == (set(), [])


def test_one_delivery_that_cannot_be_sent_does_not_keep_the_others(webhooks: Webhooks) -> None:
    webhook = webhooks.has()
    absent, there = a_delivery(), webhooks.was_sent(webhook)
    result = webhooks.run("webhooks", "redeliver", webhook.id, absent.id, there.id)
    assert (result.exit_code, result.stdout) == (1, f"{there.id} (job.succeeded) is sent again.\n")
    assert result.stderr == f"Error: {absent.id}: There is no such delivery to this webhook.\n"


@pytest.mark.parametrize("chosen", [[], ["--since", "1h"], ["evt", "--failed"], ["evt", "--since", "1h"]])
def test_deliveries_are_named_or_searched_for(webhooks: Webhooks, chosen: list[str]) -> None:
    webhook = webhooks.has()
    delivery = webhooks.was_sent(webhook)
    named = [delivery.id if word == "evt" else word for word in chosen]
    result = webhooks.run("webhooks", "redeliver", webhook.id, *named)
    assert (result.exit_code, result.stdout, webhooks.asked_for()) == (2, "", set())
