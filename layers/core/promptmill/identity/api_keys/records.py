"""API keys as DynamoDB items: the key under ``KEY#<id>``, ``KEY``, which alone says what it may do and until when.

Two kinds of items lead to it: ``SECRET#<SHA-256>``, ``SECRET``, of each secret it has, and ``USER#<owner>``,
``KEY#<id>``. A secret itself is nowhere. DynamoDB deletes each at ``expires_at``, epoch seconds, 90 days after its end.
"""

from __future__ import annotations

from typing import Any

from promptmill.clock import epoch_ms, first_id, timestamp
from promptmill.identity.access import Scope
from promptmill.identity.api_keys.model import KEEP_ENDED_SECONDS, ApiKey, Secret, digest_of
from promptmill.identity.users.store import key as user_key

Item = dict[str, dict[str, Any]]

# Read and compared in place of the key of a secret that nobody has: unknown and known take the same steps.
NO_KEY = ApiKey(
    id=first_id("key", 0),
    name="",
    owner="",
    scopes=frozenset(),
    created_at=timestamp(0),
    expires_at=timestamp(0),
    secrets=(Secret(digest_of(""), timestamp(0)),),
)


def key_of(key_id: str) -> Item:
    """Where a key is."""
    return {"pk": {"S": f"KEY#{key_id}"}, "sk": {"S": "KEY"}}


def secret_key(digest: str) -> Item:
    return {"pk": {"S": f"SECRET#{digest}"}, "sk": {"S": "SECRET"}}


def owned_key(key: ApiKey) -> Item:
    """Where the user who owns the key finds it."""
    return {**user_key(key.owner), "sk": {"S": f"KEY#{key.id}"}}


def listed(key_id: str) -> Item:
    """Where the list has the key."""
    return {"gsi1pk": {"S": "KEYS"}, "gsi1sk": {"S": key_id}}


def deletion(end: str) -> dict[str, str]:
    """When DynamoDB may delete what ends at ``end``."""
    return {"N": str(epoch_ms(end) // 1000 + KEEP_ENDED_SECONDS)}


def secret_item(key_id: str, secret: Secret) -> Item:
    return {**secret_key(secret.digest), "key_id": {"S": key_id}, "expires_at": deletion(secret.valid_until)}


def secrets_of(key: ApiKey) -> dict[str, Any]:
    """The key's secrets as an attribute; the newest stands first."""
    return {
        "L": [
            {"M": {"digest": {"S": secret.digest}, "valid_until": {"S": secret.valid_until}}} for secret in key.secrets
        ]
    }


def key_item(key: ApiKey) -> Item:
    """A new key: neither used nor revoked, without limits of its own."""
    return {
        **key_of(key.id),
        **listed(key.id),
        "name": {"S": key.name},
        "owner": {"S": key.owner},
        "scopes": {"SS": sorted(key.scopes)},
        "created_at": {"S": key.created_at},
        "valid_until": {"S": key.expires_at},
        "expires_at": deletion(key.expires_at),
        "secrets": secrets_of(key),
    }


def api_key_of(item: Item) -> ApiKey:
    text = {name: value["S"] for name, value in item.items() if "S" in value}
    return ApiKey(
        id=text["pk"].removeprefix("KEY#"),
        name=text["name"],
        owner=text["owner"],
        scopes=frozenset(Scope(scope) for scope in item["scopes"]["SS"]),
        created_at=text["created_at"],
        expires_at=text["valid_until"],
        secrets=tuple(
            Secret(secret["M"]["digest"]["S"], secret["M"]["valid_until"]["S"]) for secret in item["secrets"]["L"]
        ),
        last_used_at=text.get("last_used_at"),
        revoked_at=text.get("revoked_at"),
        limits=text.get("limits", ""),
    )
