"""The store of webhooks in memory, with the promises of the real one; ``tests/integration`` holds both to them."""

from __future__ import annotations

from dataclasses import replace

from promptmill.clock import timestamp
from promptmill.errors import RequestInFlight, TooManyWebhooks, WebhookNotFound
from promptmill.events.webhooks.endpoints.store import EndpointStore, WebhookPage
from promptmill.events.webhooks.model import MAX_WEBHOOKS, Webhook, WebhookStatus
from promptmill.gateway import Action


class MemoryEndpoints(EndpointStore):
    """Webhooks in a dictionary. ``users`` are those whom the condition of an owner holds for."""

    def __init__(self, *users: str) -> None:
        self.webhooks: dict[str, Webhook] = {}
        self.users = set(users)

    def add(self, webhook: Webhook, *beside: Action) -> None:
        for action in beside:
            if action.refusal and webhook.owner not in self.users:
                raise action.refusal
        if sum(other.owner == webhook.owner for other in self.webhooks.values()) >= MAX_WEBHOOKS:
            raise TooManyWebhooks
        self.webhooks[webhook.id] = webhook

    def get(self, webhook_id: str) -> Webhook:
        if webhook_id not in self.webhooks:
            raise WebhookNotFound
        return self.webhooks[webhook_id]

    def page(self, *, limit: int, after: str | None = None) -> WebhookPage:
        ids = sorted((each for each in self.webhooks if after is None or each < after), reverse=True)
        shown = tuple(self.webhooks[each] for each in ids[:limit])
        return WebhookPage(shown, shown[-1].id if len(ids) > limit else None)

    def change(self, before: Webhook, after: Webhook) -> None:
        stored = self.webhooks.get(before.id)
        if stored is None or (stored.url, stored.events, stored.status) != (before.url, before.events, before.status):
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
        if webhook.id in self.webhooks:
            stored = self.webhooks[webhook.id]
            self.webhooks[webhook.id] = replace(stored, failing_since=None, held_until=None)

    def note_failure(self, webhook_id: str, *, at_ms: int) -> str:
        if webhook_id not in self.webhooks:
            return timestamp(at_ms)
        stored = self.webhooks[webhook_id]
        since = stored.failing_since or timestamp(at_ms)
        self.webhooks[webhook_id] = replace(stored, failing_since=since)
        return since

    def hold(self, webhook_id: str, *, until_ms: int, at_ms: int) -> bool:
        stored = self.webhooks.get(webhook_id)
        if stored is None or (stored.held_until is not None and stored.held_until > timestamp(at_ms)):
            return False
        self.webhooks[webhook_id] = replace(stored, held_until=timestamp(until_ms))
        return True
