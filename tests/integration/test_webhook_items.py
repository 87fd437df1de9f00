"""Webhooks in DynamoDB: what is written together, what is left, and what a call costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, cast

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.stub import Stubber

from promptmill.errors import (
    PromptmillError,
    RequestInFlight,
    StoreUnavailable,
    SubjectNotFound,
    TooManyWebhooks,
    WebhookNotFound,
)
from promptmill.events.webhooks.endpoints.records import subscriptions_key, webhook_item
from promptmill.events.webhooks.endpoints.store import EndpointStore, new_secret
from promptmill.events.webhooks.model import Webhook, changed
from promptmill.gateway import UPDATE_ATTEMPTS, Action
from promptmill.identity.users.store import is_there
from tests.integration.key_ring import a_user
from tests.integration.meddled import Meddled
from tests.integration.tables import client
from tests.support.builders import AT, AT_MS
from tests.support.webhooks import a_webhook, added, an_owner

URL = "https://other.example.com/hook"


def items_of(dynamodb: Any, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dynamodb.scan(TableName=table)["Items"]
    return found


def test_nothing_is_left_of_a_user_whose_webhooks_were_forgotten(
    stored_endpoints: EndpointStore, dynamodb: Any, webhooks_table: str
) -> None:
    owner = an_owner()
    endpoints = [added(stored_endpoints, owner=owner) for _ in range(2)]
    stored_endpoints.delete(endpoints[0].id)
    stored_endpoints.forget_all(owner)
    assert items_of(dynamodb, webhooks_table) == []


def test_a_webhook_of_nobody_is_not_made_and_takes_no_place(
    stored_endpoints: EndpointStore, dynamodb: Any, webhooks_table: str, library_table: str
) -> None:
    user = a_user(library_table, dynamodb)
    for owner in (user, an_owner()):
        check = Action({"ConditionCheck": {"TableName": library_table, **is_there(owner)}}, SubjectNotFound())
        webhook = a_webhook(owner=owner)
        if owner == user:
            stored_endpoints.add(webhook, check)
            assert stored_endpoints.get(webhook.id) == webhook
        else:
            with pytest.raises(SubjectNotFound):
                stored_endpoints.add(webhook, check)
            assert owner not in json.dumps(items_of(dynamodb, webhooks_table))


def test_a_webhook_whose_subscription_cannot_be_written_is_not_written_either(
    stored_endpoints: EndpointStore, dynamodb: Any, webhooks_table: str
) -> None:
    webhook = added(stored_endpoints)
    dynamodb.delete_item(TableName=webhooks_table, Key=subscriptions_key(None))
    before = items_of(dynamodb, webhooks_table)
    with pytest.raises(RequestInFlight):
        stored_endpoints.change(webhook, changed(webhook, url=URL, at_ms=AT_MS))
    with pytest.raises(WebhookNotFound):
        stored_endpoints.delete(webhook.id)
    assert items_of(dynamodb, webhooks_table) == before


def test_a_webhook_that_comes_while_all_are_forgotten_is_not_left_over(
    stored_endpoints: EndpointStore, dynamodb: Any, webhooks_table: str
) -> None:
    owner = an_owner()
    first = added(stored_endpoints, owner=owner)

    def meddle() -> None:
        stored_endpoints.delete(first.id)
        added(stored_endpoints, owner=owner)

    with pytest.raises(RequestInFlight):
        EndpointStore(webhooks_table, Meddled(dynamodb, meddle)).forget_all(owner)
    stored_endpoints.forget_all(owner)
    assert items_of(dynamodb, webhooks_table) == []


def test_a_success_of_a_webhook_that_does_not_fail_costs_no_call() -> None:
    EndpointStore("nowhere", client=None).note_success(a_webhook())


@pytest.mark.parametrize(
    "note",
    [
        lambda store, webhook: store.note_success(replace(webhook, failing_since=AT)),
        lambda store, webhook: store.note_failure(webhook, at_ms=AT_MS, held_until_ms=None),
        lambda store, webhook: store.hold(webhook, until_ms=AT_MS, at_ms=AT_MS),
    ],
    ids=["success", "failure", "hold"],
)
def test_how_a_webhook_does_is_written_down_although_it_is_being_changed(
    note: Callable[[EndpointStore, Webhook], object],
) -> None:
    stubbed, webhook = client("dynamodb"), a_webhook()
    with Stubber(stubbed) as stub:
        for _ in range(UPDATE_ATTEMPTS - 1):
            stub.add_client_error("update_item", "TransactionConflictException")
        stub.add_response("update_item", {"Attributes": webhook_item(webhook)})
        note(EndpointStore("webhooks", stubbed), webhook)
        stub.assert_no_pending_responses()


class _NoContent:
    """A body as urllib3 has it."""

    def stream(self) -> list[bytes]:
        return [b"{}"]


@pytest.mark.parametrize("code", ["TransactionConflict", "ConditionalCheckFailed"])
def test_a_rotation_of_a_webhook_that_is_being_changed_is_refused(code: str) -> None:
    stubbed, webhook = client("dynamodb"), a_webhook()
    with Stubber(stubbed) as stub:
        canceled = {"CancellationReasons": [{"Code": code}]}
        stub.add_client_error("transact_write_items", "TransactionCanceledException", modeled_fields=canceled)
        with pytest.raises(RequestInFlight):
            EndpointStore("webhooks", stubbed).rotate(webhook, webhook)


def test_a_rotation_whose_answer_is_lost_is_sent_again_as_the_same_one() -> None:
    """DynamoDB answers what is written under the same token as it did at first, and looks at no condition."""
    twice, webhook = client("dynamodb", config=Config(retries={"total_max_attempts": 2})), a_webhook()
    tokens: list[str] = []

    def lose_the_first(request: AWSPreparedRequest, **_event: Any) -> AWSResponse:
        tokens.append(json.loads(cast("bytes", request.body))["ClientRequestToken"])
        status = HTTPStatus.OK if len(tokens) > 1 else HTTPStatus.INTERNAL_SERVER_ERROR
        return AWSResponse(request.url, status, HTTPHeaders(), _NoContent())

    twice.meta.events.register_first("before-send.dynamodb", lose_the_first)
    EndpointStore("webhooks", twice).rotate(webhook, webhook)
    assert len(tokens) == 2
    assert tokens[0] == tokens[1]


def test_a_secret_is_32_random_bytes_as_standard_webhooks_writes_them() -> None:
    from standardwebhooks import Webhook as Verifier

    first, second = new_secret(), new_secret()
    assert first != second
    assert len(Verifier(first)._whsecret) == 32


@pytest.mark.parametrize(
    ("codes", "refusal"),
    [
        (["None", "ConditionalCheckFailed"], TooManyWebhooks),
        (["TransactionConflict", "ConditionalCheckFailed"], TooManyWebhooks),
        (["None", "TransactionConflict"], RequestInFlight),
        (["ThrottlingError", "None"], StoreUnavailable),
    ],
)
def test_a_transaction_that_was_canceled_says_why(codes: list[str], refusal: type[PromptmillError]) -> None:
    stubbed = client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    reasons = {"CancellationReasons": [{"Code": code} for code in codes]}
    with Stubber(stubbed) as stub:
        stub.add_client_error("transact_write_items", "TransactionCanceledException", modeled_fields=reasons)
        with pytest.raises(refusal):
            EndpointStore("webhooks", stubbed).add(a_webhook())
