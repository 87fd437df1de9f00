"""Webhooks as DynamoDB items: a webhook under ``WEBHOOK#<id>``, ``WEBHOOK``, and who is sent what.

``SUBSCRIPTIONS#<owner or everybody>``, ``SUBSCRIPTIONS`` has an attribute for each webhook of that owner, named after
its id (``whk_…``), with the names of the events it is sent, none while it is disabled; ``webhooks`` is how many there
are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptmill.events.names import EventName
from promptmill.events.webhooks.model import EVERYBODY, DisabledReason, Secret, Webhook, WebhookStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Item = dict[str, dict[str, Any]]

_OPTIONAL = ("owner", "disabled_reason", "disabled_at", "failing_since", "last_failed_at", "held_until")


def key(webhook_id: str) -> Item:
    """Where a webhook is."""
    return {"pk": {"S": f"WEBHOOK#{webhook_id}"}, "sk": {"S": "WEBHOOK"}}


def listed(webhook_id: str) -> Item:
    """Where the list has it."""
    return {"gsi1pk": {"S": "WEBHOOKS"}, "gsi1sk": {"S": webhook_id}}


def subscriptions_key(owner: str | None) -> Item:
    """Where it is said who is sent the events of an owner, or everybody's."""
    return {"pk": {"S": f"SUBSCRIPTIONS#{owner or EVERYBODY}"}, "sk": {"S": "SUBSCRIPTIONS"}}


def subscription(webhook: Webhook) -> dict[str, Any]:
    """The webhook's attribute there."""
    events = webhook.events if webhook.status is WebhookStatus.ENABLED else frozenset()
    return {"L": [{"S": name} for name in sorted(events)]}


def subscriptions_of(items: Iterable[Item]) -> dict[str, frozenset[str]]:
    """The names of events by the id of the webhook they are sent to."""
    return {
        name: frozenset(event["S"] for event in value["L"])
        for item in items
        for name, value in item.items()
        if name.startswith("whk_")
    }


def secrets_of(webhook: Webhook) -> dict[str, Any]:
    """The webhook's secrets as an attribute; the newest stands first."""
    return {
        "L": [
            {
                "M": {"value": {"S": secret.value}}
                | ({"valid_until": {"S": secret.valid_until}} if secret.valid_until else {})
            }
            for secret in webhook.secrets
        ]
    }


def state_of(webhook: Webhook) -> Item:
    """The attributes that change, other than its secrets."""
    optional = {name: getattr(webhook, name) for name in _OPTIONAL}
    return {
        "url": {"S": webhook.url},
        "events": {"SS": sorted(webhook.events)},
        "status": {"S": webhook.status},
        **{name: {"S": value} for name, value in optional.items() if value is not None},
    }


def difference(before: Webhook, after: Webhook) -> dict[str, Any] | None:
    """The update by which the webhook that was read as ``before`` becomes ``after``, secrets aside; None for none.

    It has no effect on one with another URL, status or events by now. With a new URL or status, what was noted since is
    dropped; where ``after`` is disabled for failing, there must have been no success.
    """
    old, new = state_of(before), state_of(after)
    if old == new:
        return None
    is_new = (before.url, before.status) != (after.url, after.status)
    put = [name for name in new if old.get(name) != new[name]]
    dropped = [name for name in _OPTIONAL if name not in new and (is_new or name in old)]
    read = ["url", "events", "status"]
    if is_new and "failing_since" in new:
        read.append("failing_since")
    clauses = [("SET", [f"#{name} = :{name}" for name in put]), ("REMOVE", [f"#{name}" for name in dropped])]
    return {
        "UpdateExpression": " ".join(f"{verb} {', '.join(terms)}" for verb, terms in clauses if terms),
        "ConditionExpression": " AND ".join(f"#{name} = :old_{name}" for name in read),
        "ExpressionAttributeNames": {f"#{name}": name for name in {*put, *dropped, *read}},
        "ExpressionAttributeValues": {
            **{f":{name}": new[name] for name in put},
            **{f":old_{name}": old[name] for name in read},
        },
    }


def webhook_item(webhook: Webhook) -> Item:
    return {
        **key(webhook.id),
        **listed(webhook.id),
        **state_of(webhook),
        "secrets": secrets_of(webhook),
        "created_at": {"S": webhook.created_at},
    }


def webhook_of(item: Mapping[str, dict[str, Any]]) -> Webhook:
    text = {name: value["S"] for name, value in item.items() if "S" in value}
    return Webhook(
        id=text["pk"].removeprefix("WEBHOOK#"),
        url=text["url"],
        events=frozenset(map(EventName, item["events"]["SS"])),
        owner=text.get("owner"),
        secrets=tuple(
            Secret(secret["M"]["value"]["S"], secret["M"].get("valid_until", {}).get("S"))
            for secret in item["secrets"]["L"]
        ),
        status=WebhookStatus(text["status"]),
        created_at=text["created_at"],
        disabled_reason=DisabledReason(text["disabled_reason"]) if "disabled_reason" in text else None,
        disabled_at=text.get("disabled_at"),
        failing_since=text.get("failing_since"),
        last_failed_at=text.get("last_failed_at"),
        held_until=text.get("held_until"),
    )
