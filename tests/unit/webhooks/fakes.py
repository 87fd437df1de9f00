"""The stores of webhooks in memory, with the promises of the real ones; ``tests/integration`` holds both to them."""

from __future__ import annotations

from dataclasses import replace

from promptmill.clock import timestamp
from promptmill.errors import DeliveryNotFound, RequestInFlight, TooManyWebhooks, WebhookNotFound
from promptmill.events.webhooks.deliveries.gateway import DeliveryQueue
from promptmill.events.webhooks.deliveries.records import delivery_item, is_kept, position_of
from promptmill.events.webhooks.deliveries.store import DeliveryStore
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.events.webhooks.model import MAX_WEBHOOKS, Delivery, DeliveryStatus, Webhook, WebhookStatus
from promptmill.events.webhooks.schedule import MAX_PAUSE_MS
from promptmill.gateway import Action
from promptmill.paging import Page


class MemoryEndpoints(EndpointStore):
    """Webhooks in a dictionary. Conditions beside a new one are of users, and hold for ``users``."""

    def __init__(self, *users: str) -> None:
        self.webhooks: dict[str, Webhook] = {}
        self.users = set(users)

    def add(self, webhook: Webhook, *beside: Action) -> None:
        for action in beside:
            user = action.request["ConditionCheck"]["Key"]["pk"]["S"].removeprefix("USER#")
            if action.refusal and user not in self.users:
                raise action.refusal
        if sum(other.owner == webhook.owner for other in self.webhooks.values()) >= MAX_WEBHOOKS:
            raise TooManyWebhooks
        self.webhooks[webhook.id] = webhook

    def get(self, webhook_id: str) -> Webhook:
        if webhook_id not in self.webhooks:
            raise WebhookNotFound
        return self.webhooks[webhook_id]

    def page(self, *, limit: int, after: str | None = None) -> Page[Webhook]:
        ids = sorted((each for each in self.webhooks if after is None or each < after), reverse=True)
        shown = tuple(self.webhooks[each] for each in ids[:limit])
        return Page(shown, shown[-1].id if len(ids) > limit else None)

    def change(self, before: Webhook, after: Webhook) -> None:
        stored = self.webhooks.get(before.id)
        if stored is None or (stored.url, stored.events, stored.status) != (before.url, before.events, before.status):
            raise RequestInFlight
        if after.status is not before.status and after.failing_since not in {None, stored.failing_since}:
            raise RequestInFlight
        self.webhooks[before.id] = replace(after, secrets=stored.secrets)

    def rotate(self, before: Webhook, after: Webhook) -> None:
        stored = self.webhooks.get(before.id)
        if stored is None or stored.secrets != before.secrets:
            raise RequestInFlight
        self.webhooks[before.id] = replace(stored, secrets=after.secrets)

    def delete(self, webhook_id: str) -> None:
        self.get(webhook_id)
        del self.webhooks[webhook_id]

    def forget_all(self, owner: str) -> None:
        self.webhooks = {each.id: each for each in self.webhooks.values() if each.owner != owner}

    def subscribers(self, owner: str) -> dict[str, frozenset[str]]:
        return {
            each.id: frozenset(each.events if each.status is WebhookStatus.ENABLED else ())
            for each in self.webhooks.values()
            if each.owner in {owner, None}
        }

    def note_success(self, webhook: Webhook) -> None:
        self._known(webhook, failing_since=None, last_failed_at=None, held_until=None)

    def note_failure(self, webhook: Webhook, *, at_ms: int, held_until_ms: int | None) -> Webhook:
        stored, at = self.webhooks.get(webhook.id, webhook), timestamp(at_ms)
        goes_on = stored.last_failed_at is None or stored.last_failed_at >= timestamp(at_ms - MAX_PAUSE_MS)
        return self._known(
            webhook,
            failing_since=(goes_on and stored.failing_since) or at,
            last_failed_at=at,
            held_until=None if held_until_ms is None else timestamp(held_until_ms),
        )

    def hold(self, webhook: Webhook, *, until_ms: int, at_ms: int) -> bool:
        stored = self.webhooks.get(webhook.id, webhook)
        if stored.held_until is not None and stored.held_until > timestamp(at_ms):
            return False
        return self._known(webhook, held_until=timestamp(until_ms)) != webhook

    def _known(self, webhook: Webhook, **fields: str | None) -> Webhook:
        """As it is then; as it was read when it has another URL or status, or is gone."""
        stored = self.webhooks.get(webhook.id)
        if stored is None or (stored.url, stored.status) != (webhook.url, webhook.status):
            return webhook
        self.webhooks[webhook.id] = replace(stored, **fields)  # type: ignore[arg-type]
        return self.webhooks[webhook.id]


class MemoryDeliveries(DeliveryStore):
    """Deliveries in a dictionary, as far as an admin has to do with them."""

    def __init__(self) -> None:
        self.deliveries: dict[tuple[str, str], Delivery] = {}

    def add(self, delivery: Delivery, *, at_ms: int) -> bool:
        place = (delivery.webhook_id, delivery.id)
        if place in self.deliveries:
            return False
        self.deliveries[place] = delivery
        return True

    def get(self, webhook_id: str, delivery_id: str, *, at_ms: int) -> Delivery:
        delivery = self.deliveries.get((webhook_id, delivery_id))
        if delivery is None or not is_kept(delivery_item(delivery, look_at=""), at_ms=at_ms):
            raise DeliveryNotFound
        return delivery

    def page(
        self,
        webhook_id: str,
        *,
        limit: int,
        at_ms: int,
        status: DeliveryStatus | None = None,
        after: str | None = None,
    ) -> Page[Delivery]:
        of_webhook = [each for (owner, _), each in self.deliveries.items() if owner == webhook_id]
        behind = sorted(
            (each for each in of_webhook if after is None or position_of(each) < after), key=position_of, reverse=True
        )
        found = [each for each in behind if status in {None, each.status}]
        return Page(tuple(found[:limit]), position_of(found[limit - 1]) if len(found) > limit else None)

    def restart(self, webhook_id: str, delivery_id: str, *, at_ms: int) -> Delivery:
        delivery = self.get(webhook_id, delivery_id, at_ms=at_ms)
        if delivery.claimed_until is not None and delivery.claimed_until > timestamp(at_ms):
            raise RequestInFlight
        restarted = replace(
            delivery,
            status=DeliveryStatus.PENDING,
            begun=0,
            next_attempt_at=timestamp(at_ms),
            claimed_until=None,
        )
        self.deliveries[webhook_id, delivery_id] = restarted
        return restarted


class MemoryQueue(DeliveryQueue):
    """The attempts that were asked for, in a list."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, int]] = []

    def send(self, webhook_id: str, delivery_id: str, *, delay_seconds: int = 0) -> None:
        self.asked.append((webhook_id, delivery_id, delay_seconds))
