"""Webhooks in DynamoDB, as ``records`` lays them out. A webhook and what it is sent change in one transaction.

Every method raises ``StoreUnavailable`` when DynamoDB does not answer as it should.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.clock import random_base64, timestamp
from promptmill.errors import RequestInFlight, TooManyWebhooks, WebhookNotFound
from promptmill.events.webhooks.endpoints.records import (
    difference,
    key,
    listed,
    secrets_of,
    subscription,
    subscriptions_key,
    subscriptions_of,
    webhook_item,
    webhook_of,
)
from promptmill.events.webhooks.model import MAX_WEBHOOKS, SECRET_BYTES, disabled
from promptmill.events.webhooks.schedule import MAX_PAUSE_MS
from promptmill.gateway import (
    EDGE_ATTEMPTS,
    Action,
    aws_client,
    read_together,
    store_errors,
    update_item,
    write_together,
)
from promptmill.paging import Page
from promptmill.settings import settings

if TYPE_CHECKING:
    from promptmill.events.webhooks.model import DisabledReason, Webhook

INDEX = "gsi1"


class EndpointStore:
    def __init__(self, table: str, client: Any) -> None:
        self._table = table
        self._client = client

    def add(self, webhook: Webhook, *beside: Action) -> None:
        """Stores a new webhook, unless a condition of ``beside`` refuses it.

        Raises ``TooManyWebhooks`` when its owner, or everybody, has ``MAX_WEBHOOKS``, and ``RequestInFlight`` when
        another one is made at the same moment.
        """
        subscribe = {
            "Key": subscriptions_key(webhook.owner),
            "UpdateExpression": "SET #id = :events ADD webhooks :one",
            "ConditionExpression": "attribute_not_exists(webhooks) OR webhooks < :most",
            "ExpressionAttributeNames": {"#id": webhook.id},
            "ExpressionAttributeValues": {
                ":events": subscription(webhook),
                ":one": {"N": "1"},
                ":most": {"N": str(MAX_WEBHOOKS)},
            },
        }
        write_together(
            self._client,
            [
                *beside,
                self._action("Put", {"Item": webhook_item(webhook)}),
                self._action("Update", subscribe, TooManyWebhooks()),
            ],
        )

    def get(self, webhook_id: str) -> Webhook:
        """The webhook, in whatever state; raises ``WebhookNotFound``."""
        with store_errors():
            answer = self._client.get_item(TableName=self._table, Key=key(webhook_id), ConsistentRead=True)
        if "Item" not in answer:
            raise WebhookNotFound
        return webhook_of(answer["Item"])

    def page(self, *, limit: int, after: str | None = None) -> Page[Webhook]:
        """At most ``limit`` webhooks of all owners in whatever state, behind the webhook ``after``.

        A new one is found, and one that is gone is not any more, about a second later.
        """
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": INDEX,
            "KeyConditionExpression": "gsi1pk = :webhooks",
            "ExpressionAttributeValues": {":webhooks": {"S": "WEBHOOKS"}},
            "ScanIndexForward": False,
            # One more than is shown, to know whether it is the last.
            "Limit": limit + 1,
        }
        if after is not None:
            query["ExclusiveStartKey"] = {**key(after), **listed(after)}
        with store_errors():
            named = [entry["gsi1sk"]["S"] for entry in self._client.query(**query)["Items"]]
        items = read_together(self._client, self._table, [key(webhook_id) for webhook_id in named[:limit]])
        webhooks = sorted(map(webhook_of, items), key=lambda webhook: webhook.id, reverse=True)
        return Page(tuple(webhooks), named[limit - 1] if len(named) > limit else None)

    def change(self, before: Webhook, after: Webhook) -> None:
        """Stores all but the secrets of ``after``; ``before`` is as it was read.

        Raises ``RequestInFlight`` when its URL, events or status were changed in between, or are right now. So too when
        ``after`` is another of them and still failing, and there was a success in between.
        """
        update = difference(before, after)
        if update is None:
            return
        subscribe = {
            "Key": subscriptions_key(before.owner),
            "UpdateExpression": "SET #id = :events",
            "ConditionExpression": "attribute_exists(#id)",
            "ExpressionAttributeNames": {"#id": before.id},
            "ExpressionAttributeValues": {":events": subscription(after)},
        }
        write_together(
            self._client,
            [
                self._action("Update", {"Key": key(before.id), **update}, RequestInFlight()),
                self._action("Update", subscribe, RequestInFlight()),
            ],
        )

    def rotate(self, before: Webhook, after: Webhook) -> None:
        """Gives the webhook the secrets that ``after`` has; ``before`` is as it was read.

        Raises ``RequestInFlight`` when it was rotated or deleted in between, or is changed right now.
        """
        follow = {
            "Key": key(before.id),
            "UpdateExpression": "SET secrets = :to",
            "ConditionExpression": "secrets = :from",
            "ExpressionAttributeValues": {":to": secrets_of(after), ":from": secrets_of(before)},
        }
        # A transaction that is sent again, its answer having been lost, is still the same one: it is not refused for
        # what it did itself, which would have the caller rotate once more.
        write_together(self._client, [self._action("Update", follow, RequestInFlight())])

    def delete(self, webhook_id: str) -> None:
        """Deletes the webhook; its deliveries are not found without it, and go when they expire.

        Raises ``WebhookNotFound``, and ``RequestInFlight`` when it is changed or deleted at the same moment.
        """
        webhook = self.get(webhook_id)
        there = {
            "Key": key(webhook_id),
            "ConditionExpression": "attribute_exists(pk)",
        }
        unsubscribe = {
            "Key": subscriptions_key(webhook.owner),
            "UpdateExpression": "REMOVE #id ADD webhooks :minus_one",
            "ConditionExpression": "attribute_exists(#id)",
            "ExpressionAttributeNames": {"#id": webhook_id},
            "ExpressionAttributeValues": {":minus_one": {"N": "-1"}},
        }
        write_together(
            self._client,
            [
                self._action("Delete", there, WebhookNotFound()),
                self._action("Update", unsubscribe, WebhookNotFound()),
            ],
        )

    def forget_all(self, owner: str) -> None:
        """Deletes every webhook of an owner; again is as good as once. Their deliveries go when they expire.

        Of a user whose record says ``deleted_at``, none can be made meanwhile. Raises ``RequestInFlight`` when one is
        changed at the same moment.
        """
        subscriptions = read_together(self._client, self._table, [subscriptions_key(owner)])
        if not subscriptions:
            return
        webhooks = list(subscriptions_of(subscriptions))
        unchanged = {
            "Key": subscriptions_key(owner),
            "ConditionExpression": " AND ".join(
                ["webhooks = :count", *(f"attribute_exists(#{at})" for at in range(len(webhooks)))]
            ),
            "ExpressionAttributeValues": {":count": {"N": str(len(webhooks))}},
            **({"ExpressionAttributeNames": {f"#{at}": each for at, each in enumerate(webhooks)}} if webhooks else {}),
        }
        write_together(
            self._client,
            [
                self._action("Delete", unchanged, RequestInFlight()),
                *(self._action("Delete", {"Key": key(webhook_id)}) for webhook_id in webhooks),
            ],
        )

    def subscriptions(self, owner: str) -> dict[str, frozenset[str]]:
        """The names of events that each webhook of the owner alone is sent, none while it is disabled, by its id."""
        return subscriptions_of(read_together(self._client, self._table, [subscriptions_key(owner)]))

    def subscribers(self, owner: str) -> dict[str, frozenset[str]]:
        """The names of events that webhooks of the owner and of everybody are sent, by the webhook's id."""
        keys = [subscriptions_key(owner), subscriptions_key(None)]
        return subscriptions_of(read_together(self._client, self._table, keys))

    def disable(self, webhook: Webhook, reason: DisabledReason, *, at_ms: int) -> bool:
        """Has nothing sent any more to the webhook, which is as it was read; whether it was done.

        It is not done to a webhook that was changed, disabled or deleted in between, or is right now: what it did was
        not what it does. Nor to one that was failing, and took something in between.
        """
        try:
            self.change(webhook, disabled(webhook, reason, at_ms=at_ms))
        except RequestInFlight:
            return False
        return True

    def note_success(self, webhook: Webhook) -> None:
        """Ends what failures began; nothing is written when ``webhook``, as it was read, shows none."""
        if webhook.failing_since is not None or webhook.held_until is not None:
            self._note(webhook, "REMOVE failing_since, last_failed_at, held_until")

    def note_failure(self, webhook: Webhook, *, at_ms: int, held_until_ms: int | None) -> Webhook:
        """The webhook, which is as it was read, as it is known after it failed: failing, and held until then or not.

        Its failing begins now, unless it goes on after ``MAX_PAUSE_MS`` at most. As it was read, and nothing is
        written, when it has another URL or status by now, or is gone.
        """
        values = {"at": timestamp(at_ms), "pause": timestamp(at_ms - MAX_PAUSE_MS)}
        update = "last_failed_at = :at REMOVE held_until"
        if held_until_ms is not None:
            update, values["until"] = "last_failed_at = :at, held_until = :until", timestamp(held_until_ms)
        on, anew = "(attribute_not_exists(last_failed_at) OR last_failed_at >= :pause)", "last_failed_at < :pause"
        return (
            self._note(webhook, f"SET failing_since = if_not_exists(failing_since, :at), {update}", on, **values)
            or self._note(webhook, f"SET failing_since = :at, {update}", anew, **values)
            or webhook
        )

    def hold(self, webhook: Webhook, *, until_ms: int, at_ms: int) -> bool:
        """Has all other deliveries to the webhook wait; False when they wait already, or it is another or gone by now.

        So of many that would try a webhook whose hold is over, one does.
        """
        is_free = "(attribute_not_exists(held_until) OR held_until <= :at)"
        values = {"until": timestamp(until_ms), "at": timestamp(at_ms)}
        return self._note(webhook, "SET held_until = :until", is_free, **values) is not None

    def _note(self, webhook: Webhook, update: str, condition: str = "", **values: str) -> Webhook | None:
        """Changes a webhook that has the URL and status it was read with; what it is then, None for any other."""
        values |= {"url": webhook.url, "status": webhook.status}
        with store_errors(), suppress(self._client.exceptions.ConditionalCheckFailedException):
            answer = update_item(
                self._client,
                TableName=self._table,
                Key=key(webhook.id),
                UpdateExpression=update,
                ConditionExpression="#url = :url AND #status = :status" + (f" AND {condition}" if condition else ""),
                ExpressionAttributeNames={"#url": "url", "#status": "status"},
                ExpressionAttributeValues={f":{name}": {"S": text} for name, text in values.items()},
                ReturnValues="ALL_NEW",
            )
            return webhook_of(answer["Attributes"])
        return None

    def _action(self, kind: str, fields: dict[str, Any], refusal: Any = None) -> Action:
        return Action({kind: {"TableName": self._table, **fields}}, refusal)


def new_secret() -> str:
    """A secret nobody can guess, as Standard Webhooks writes it."""
    return f"whsec_{random_base64(SECRET_BYTES)}"


@cache
def endpoint_store(*, attempts: int = EDGE_ATTEMPTS) -> EndpointStore:
    """This process's store; ``attempts`` of each call, the first one too."""
    (table,) = settings().require("webhooks_table")
    return EndpointStore(table, aws_client("dynamodb", attempts=attempts))
