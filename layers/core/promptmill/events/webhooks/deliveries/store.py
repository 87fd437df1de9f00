"""The deliveries of events to webhooks, in DynamoDB: who may begin an attempt, what became of each, which are due.

Every method raises ``StoreUnavailable`` when DynamoDB does not answer as it should.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.clock import timestamp
from promptmill.errors import DeliveryNotFound, RequestInFlight
from promptmill.events.webhooks.deliveries.records import (
    DUE,
    attempt_value,
    deletion,
    delivery_item,
    delivery_of,
    due_values,
    id_at,
    ids_of,
    is_kept,
    key_of,
    list_pk,
    listed,
    next_values,
)
from promptmill.events.webhooks.schedule import look_at_ms
from promptmill.gateway import EDGE_ATTEMPTS, aws_client, delete_items, read_together, store_errors
from promptmill.paging import Page
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptmill.events.webhooks.deliveries.records import Item
    from promptmill.events.webhooks.model import Attempt, Delivery, DeliveryStatus

LEASE_MS = 60_000
"""How long an attempt belongs to who began it: twice as long as the function that makes it may run."""

# How long a message that was sent for a delivery that lay there has, before the next one is sent.
LOOK_AGAIN_MS = 5 * 60_000
KEPT_ATTEMPTS = 50
# DynamoDB filters after it has read, and one read of items takes a hundred keys.
EXAMINED = 100
# Twenty writes of a batch; a page of twenty webhooks takes seconds.
FORGOTTEN_AT_ONCE = 500

_IS_DUE = (
    "#status = :pending AND next_attempt_at <= :at AND (attribute_not_exists(claimed_until) OR claimed_until <= :at)"
)
_STATUS = {"#status": "status"}


@dataclass(frozen=True, slots=True)
class Overdue:
    """A delivery that nobody is at, although it is due. ``look_at`` is what it was found by."""

    webhook_id: str
    delivery_id: str
    look_at: str


class DeliveryStore:
    def __init__(self, table: str, client: Any) -> None:
        self._table = table
        self._client = client

    def add(self, delivery: Delivery, *, at_ms: int) -> bool:
        """Stores a new delivery, due at once; False for one that is there. A message has to ask for its attempt."""
        look_at = timestamp(look_at_ms(at_ms, at_ms=at_ms))
        with store_errors():
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=delivery_item(delivery, look_at=look_at),
                    ConditionExpression="attribute_not_exists(pk)",
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return False
        return True

    def get(self, webhook_id: str, delivery_id: str, *, at_ms: int) -> Delivery:
        """The delivery in one consistent read; raises ``DeliveryNotFound``, of one too that may be deleted by now."""
        with store_errors():
            item = self._client.get_item(
                TableName=self._table, Key=key_of(webhook_id, delivery_id), ConsistentRead=True
            ).get("Item")
        if item is None or not is_kept(item, at_ms=at_ms):
            raise DeliveryNotFound
        return delivery_of(item)

    def page(
        self,
        webhook_id: str,
        *,
        limit: int,
        at_ms: int,
        status: DeliveryStatus | None = None,
        after: str | None = None,
    ) -> Page[Delivery]:
        """At most ``limit`` of the webhook's deliveries, of this status or any, behind the position ``after``.

        The index knows neither their status nor when they may be deleted: a page may hold fewer than ``limit``, even
        none, while there is a ``position``; with a status, it looks at ``EXAMINED`` entries at most. A new delivery is
        found about a second later.
        """
        examined = limit if status is None else EXAMINED
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": "gsi1",
            "KeyConditionExpression": "gsi1pk = :webhook",
            "ExpressionAttributeValues": {":webhook": list_pk(webhook_id)},
            "ScanIndexForward": False,
            # One more than is looked at, to know whether it is the last.
            "Limit": examined + 1,
        }
        if after is not None:
            query["ExclusiveStartKey"] = listed(webhook_id, after)
        with store_errors():
            positions = [str(entry["gsi1sk"]["S"]) for entry in self._client.query(**query)["Items"]]
        keys = [key_of(webhook_id, id_at(position)) for position in positions[:examined]]
        items = read_together(self._client, self._table, keys)
        stored = {one.id: one for one in map(delivery_of, (item for item in items if is_kept(item, at_ms=at_ms)))}
        shown: list[Delivery] = []
        for number, position in enumerate(positions[:examined], start=1):
            delivery = stored.get(id_at(position))
            if delivery is not None and status in {None, delivery.status}:
                shown.append(delivery)
            if len(shown) == limit:
                return Page(tuple(shown), position if number < len(positions) else None)
        return Page(tuple(shown), positions[examined - 1] if len(positions) > examined else None)

    def claim(self, webhook_id: str, delivery_id: str, *, at_ms: int) -> Delivery | None:
        """Begins an attempt, which is the caller's until ``claimed_until``: one of many callers has it.

        None when no attempt is due: it is under way, or was made, or is to come later.
        """
        until = timestamp(at_ms + LEASE_MS)
        return self._update(
            webhook_id,
            delivery_id,
            "SET claimed_until = :until, gsi2sk = :until ADD begun :one",
            _IS_DUE,
            {":until": {"S": until}, ":one": {"N": "1"}, **due_values(at_ms)},
        )

    def record(
        self,
        delivery: Delivery,
        attempt: Attempt,
        status: DeliveryStatus,
        *,
        at_ms: int,
        next_attempt_ms: int | None = None,
    ) -> bool:
        """Ends the attempt that ``claim`` began. A pending delivery has a next one, for which a message may be sent.

        False when the claim has run out and the delivery is somebody else's, or was made anew.
        """
        kept = (*delivery.attempts, attempt)[-KEPT_ATTEMPTS:]
        values: Item = {
            ":attempts": {"L": [attempt_value(one) for one in kept]},
            ":status": {"S": status.value},
            ":mine": {"S": delivery.claimed_until},
        }
        update = "SET attempts = :attempts, #status = :status"
        if next_attempt_ms is None:
            update += " REMOVE claimed_until, next_attempt_at, gsi2pk, gsi2sk"
        else:
            update += ", next_attempt_at = :next, gsi2sk = :look REMOVE claimed_until"
            values |= next_values(next_attempt_ms, at_ms=at_ms)
        return self._update(delivery.webhook_id, delivery.id, update, "claimed_until = :mine", values) is not None

    def put_off(self, webhook_id: str, delivery_id: str, *, until_ms: int, at_ms: int) -> bool:
        """Has the attempt that is due wait until then, which costs none. A message may be sent.

        False when none is due, as of ``claim``, and of a test.
        """
        values: Item = {":false": {"BOOL": False}, **due_values(at_ms), **next_values(until_ms, at_ms=at_ms)}
        update, condition = "SET next_attempt_at = :next, gsi2sk = :look", f"{_IS_DUE} AND is_test = :false"
        return self._update(webhook_id, delivery_id, update, condition, values) is not None

    def give_back(self, delivery: Delivery, *, until_ms: int, at_ms: int) -> bool:
        """Takes back the attempt that ``claim`` began: it is due then, and not before. A message may be sent.

        False as of ``record``.
        """
        values: Item = {
            ":minus_one": {"N": "-1"},
            ":mine": {"S": delivery.claimed_until},
            **next_values(until_ms, at_ms=at_ms),
        }
        update = "SET next_attempt_at = :next, gsi2sk = :look ADD begun :minus_one REMOVE claimed_until"
        return self._update(delivery.webhook_id, delivery.id, update, "claimed_until = :mine", values) is not None

    def restart(self, webhook_id: str, delivery_id: str, *, at_ms: int) -> Delivery:
        """Makes the delivery pending, whatever became of it: due at once, with all its attempts before it.

        Those that were made stay in its log. A message has to ask for the first. Raises ``DeliveryNotFound``, and
        ``RequestInFlight`` while an attempt is under way.
        """
        values: Item = {
            ":none": {"N": "0"},
            ":due": {"S": DUE},
            ":deletion": deletion(timestamp(at_ms)),
            ":now": {"N": str(at_ms // 1000)},
            **due_values(at_ms),
            **next_values(at_ms, at_ms=at_ms),
        }
        update = "SET #status = :pending, begun = :none, next_attempt_at = :next, gsi2pk = :due, gsi2sk = :look"
        delivery = self._update(
            webhook_id,
            delivery_id,
            f"{update}, expires_at = :deletion REMOVE claimed_until",
            "expires_at > :now AND (attribute_not_exists(claimed_until) OR claimed_until <= :at)",
            values,
        )
        if delivery is None:
            self.get(webhook_id, delivery_id, at_ms=at_ms)
            raise RequestInFlight
        return delivery

    def forget_page(self, webhook_id: str) -> bool:
        """Deletes ``FORGOTTEN_AT_ONCE`` deliveries to the webhook, in whatever state; whether there may be more."""
        each = key_of(webhook_id, "")
        with store_errors():
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :webhook AND begins_with(sk, :delivery)",
                ExpressionAttributeValues={":webhook": each["pk"], ":delivery": each["sk"]},
                ProjectionExpression="pk, sk",
                ConsistentRead=True,
                Limit=FORGOTTEN_AT_ONCE,
            )
        delete_items(self._client, self._table, answer["Items"])
        return "LastEvaluatedKey" in answer

    def overdue(self, *, at_ms: int, page_size: int) -> Iterator[list[Overdue]]:
        """The deliveries somebody has to send a message for, the longest overdue first, a page at a time."""
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": "gsi2",
            "KeyConditionExpression": "gsi2pk = :due AND gsi2sk <= :at",
            "ExpressionAttributeValues": {":due": {"S": DUE}, ":at": {"S": timestamp(at_ms)}},
            "Limit": page_size,
        }
        while True:
            with store_errors():
                answer = self._client.query(**query)
            yield [Overdue(*ids_of(item), item["gsi2sk"]["S"]) for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def look_later(self, overdue: Overdue, *, at_ms: int) -> bool:
        """Lets the caller, and nobody else, send the message; False when it was sent, or an attempt began."""
        values: Item = {":found": {"S": overdue.look_at}, ":look": {"S": timestamp(at_ms + LOOK_AGAIN_MS)}}
        condition = "gsi2sk = :found"
        updated = self._update(overdue.webhook_id, overdue.delivery_id, "SET gsi2sk = :look", condition, values)
        return updated is not None

    def _update(self, webhook_id: str, delivery_id: str, update: str, condition: str, values: Item) -> Delivery | None:
        """The delivery as it is then; None when the condition does not hold."""
        names = {"ExpressionAttributeNames": _STATUS} if "#status" in update + condition else {}
        with store_errors():
            try:
                item = self._client.update_item(
                    TableName=self._table,
                    Key=key_of(webhook_id, delivery_id),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                    **names,
                )["Attributes"]
            except self._client.exceptions.ConditionalCheckFailedException:
                return None
        return delivery_of(item)


@cache
def delivery_store(*, attempts: int = EDGE_ATTEMPTS) -> DeliveryStore:
    """This process's store; ``attempts`` of each call, the first one too."""
    (table,) = settings().require("webhooks_table")
    return DeliveryStore(table, aws_client("dynamodb", attempts=attempts))
