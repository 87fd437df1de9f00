"""API keys in DynamoDB, as ``records`` lays them out.

Every method raises ``StoreUnavailable`` when DynamoDB does not answer as it should.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.clock import random_token, timestamp
from promptmill.errors import ApiKeyNotFound, RequestInFlight, StoreUnavailable, SubjectNotFound, Unauthenticated
from promptmill.gateway import EDGE_ATTEMPTS, Action, aws_client, store_errors, write_together
from promptmill.identity.access import Role
from promptmill.identity.api_keys.model import KEY_PREFIX, LAST_USE_MS, SECRET_BYTES, ApiKey, digest_of
from promptmill.identity.api_keys.records import (
    NO_KEY,
    api_key_of,
    deletion,
    key_item,
    key_of,
    listed,
    owned_key,
    secret_item,
    secret_key,
    secrets_of,
)
from promptmill.identity.caller import Caller
from promptmill.identity.users.store import is_there
from promptmill.identity.users.store import key as user_key
from promptmill.paging import Page
from promptmill.settings import settings

if TYPE_CHECKING:
    from promptmill.errors import Refused
    from promptmill.identity.api_keys.records import Item

INDEX = "gsi1"


class ApiKeyStore:
    def __init__(self, table: str, client: Any) -> None:
        self._table = table
        self._client = client

    def admit(self, secret: str, *, at_ms: int) -> Caller:
        """The caller an API key speaks for; ``Unauthenticated`` for a secret that opens none.

        Two reads and one comparison come before any refusal, of a text that cannot be a secret too, so how long it
        takes says nothing. The hour of a key's last use is kept; that it could not be is no reason to refuse it.
        """
        digest = digest_of(secret)
        found = self._read(secret_key(digest))
        item = self._read(key_of(found["key_id"]["S"] if found else NO_KEY.id))
        key = api_key_of(item) if item else NO_KEY
        if not key.is_opened_by(digest, at_ms=at_ms):
            raise Unauthenticated
        if not key.was_used_lately(at_ms):
            with suppress(StoreUnavailable):
                self._note_use(key.id, at_ms)
        return Caller(
            owner=key.owner,
            plan="key",
            roles=frozenset({Role.USER}),
            key=key.id,
            scopes=key.scopes,
            limits=key.limits,
        )

    def add(self, key: ApiKey) -> None:
        """Stores a new key; raises ``SubjectNotFound`` unless its owner is a user."""
        (secret,) = key.secrets
        self._write(
            [
                {"ConditionCheck": is_there(key.owner)},
                {"Put": {"Item": key_item(key)}},
                {"Put": {"Item": secret_item(key.id, secret)}},
                {"Put": {"Item": {**owned_key(key), "expires_at": deletion(key.expires_at)}}},
            ],
            refusal=SubjectNotFound(),
        )

    def get(self, key_id: str) -> ApiKey:
        """The key, in whatever state; raises ``ApiKeyNotFound``."""
        item = self._read(key_of(key_id))
        if item is None:
            raise ApiKeyNotFound
        return api_key_of(item)

    def page(self, *, limit: int, after: str | None = None) -> Page[ApiKey]:
        """At most ``limit`` keys of all owners in whatever state, behind the key ``after``.

        A new key, or a new state of one, is found about a second after it was written.
        """
        query: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": INDEX,
            "KeyConditionExpression": "gsi1pk = :keys",
            "ExpressionAttributeValues": {":keys": {"S": "KEYS"}},
            "ScanIndexForward": False,
            # One more than is shown, to know whether it is the last.
            "Limit": limit + 1,
        }
        if after is not None:
            query["ExclusiveStartKey"] = {**key_of(after), **listed(after)}
        with store_errors():
            keys = tuple(map(api_key_of, self._client.query(**query)["Items"]))
        return Page(keys[:limit], keys[limit - 1].id if len(keys) > limit else None)

    def rotate(self, key: ApiKey, to: ApiKey) -> None:
        """Gives the key the secrets that ``to`` has; ``key`` is as it was read.

        Raises ``RequestInFlight`` when it was rotated or revoked in between.
        """
        change = {
            "Key": key_of(key.id),
            "UpdateExpression": "SET secrets = :to",
            "ConditionExpression": "secrets = :from AND attribute_not_exists(revoked_at)",
            "ExpressionAttributeValues": {":to": secrets_of(to), ":from": secrets_of(key)},
        }
        dropped = {secret.digest for secret in key.secrets} - {secret.digest for secret in to.secrets}
        self._write(
            [
                {"Update": change},
                *({"Put": {"Item": secret_item(key.id, secret)}} for secret in to.secrets),
                *({"Delete": {"Key": secret_key(digest)}} for digest in dropped),
            ],
            refusal=RequestInFlight(),
        )

    def revoke(self, key_id: str, *, at_ms: int) -> None:
        """Ends the key with all its secrets, for good; twice is as good as once. Raises ``ApiKeyNotFound``.

        A rotation at the same moment does not save it: the key alone says whether it opens. Raises
        ``RequestInFlight`` when DynamoDB will not have both at once.
        """
        key = self.get(key_id)
        if key.revoked_at is not None:
            return
        at = timestamp(at_ms)
        end = {
            "Key": key_of(key_id),
            "UpdateExpression": "SET revoked_at = if_not_exists(revoked_at, :at), expires_at = :deletion",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": {":at": {"S": at}, ":deletion": deletion(at)},
        }
        self._write(
            [
                {"Update": end},
                *({"Delete": {"Key": secret_key(secret.digest)}} for secret in key.secrets),
                {"Put": {"Item": {**owned_key(key), "expires_at": deletion(at)}}},
            ],
            refusal=ApiKeyNotFound(),
        )

    def forget_all(self, owner: str) -> None:
        """Deletes every key of a user, whatever its state, and goes on where it was interrupted when called again.

        Of a user whose record says ``deleted_at``, none can be made meanwhile. Raises ``RequestInFlight`` when one is
        changed at the same moment.
        """
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :user AND begins_with(sk, :keys)",
            "ExpressionAttributeValues": {":user": user_key(owner)["pk"], ":keys": {"S": "KEY#"}},
            "ConsistentRead": True,
        }
        more: dict[str, Any] | None = {}
        while more is not None:
            with store_errors():
                answer = self._client.query(**query, **more)
            for owned in answer["Items"]:
                self._forget({name: owned[name] for name in ("pk", "sk")})
            last = answer.get("LastEvaluatedKey")
            more = {"ExclusiveStartKey": last} if last else None

    def _forget(self, owned: Item) -> None:
        """Deletes the key that ``owned`` leads to, its secrets, and ``owned``."""
        item = self._read(key_of(owned["sk"]["S"].removeprefix("KEY#")))
        actions: list[dict[str, Any]] = [{"Delete": {"Key": owned}}]
        # DynamoDB may have deleted the key and not yet what leads to it.
        if item is not None:
            key = api_key_of(item)
            unchanged = {
                "Key": key_of(key.id),
                "ConditionExpression": "secrets = :secrets",
                "ExpressionAttributeValues": {":secrets": secrets_of(key)},
            }
            actions += [
                {"Delete": unchanged},
                *({"Delete": {"Key": secret_key(secret.digest)}} for secret in key.secrets),
            ]
        self._write(actions, refusal=RequestInFlight())

    def _read(self, key: Item) -> Item | None:
        with store_errors():
            item: Item | None = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return item

    def _note_use(self, key_id: str, at_ms: int) -> None:
        with store_errors(), suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.update_item(
                TableName=self._table,
                Key=key_of(key_id),
                UpdateExpression="SET last_used_at = :at",
                ConditionExpression=(
                    "attribute_exists(pk) AND (attribute_not_exists(last_used_at) OR last_used_at <= :lately)"
                ),
                ExpressionAttributeValues={
                    ":at": {"S": timestamp(at_ms)},
                    ":lately": {"S": timestamp(at_ms - LAST_USE_MS)},
                },
            )

    def _write(self, actions: list[dict[str, Any]], *, refusal: Refused) -> None:
        """Writes all or nothing; raises ``refusal`` when a condition fails, ``RequestInFlight`` in a conflict."""
        in_table = [
            {kind: {"TableName": self._table, **fields}} for action in actions for kind, fields in action.items()
        ]
        write_together(self._client, [Action(request, refusal) for request in in_table])


def new_secret() -> str:
    """A secret nobody can guess."""
    return f"{KEY_PREFIX}{random_token(SECRET_BYTES)}"


@cache
def api_key_store(*, attempts: int = EDGE_ATTEMPTS) -> ApiKeyStore:
    """This process's store."""
    (table,) = settings().require("library_table")
    return ApiKeyStore(table, aws_client("dynamodb", attempts=attempts))
