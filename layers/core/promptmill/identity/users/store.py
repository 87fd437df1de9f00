"""Users in DynamoDB: key ``USER#<id>``, ``USER``. Who has ``deleted_at`` left, and does not come back by signing in.

Every method raises ``StoreUnavailable`` when DynamoDB does not answer as it should, and, but for ``has_left``,
``Unauthenticated`` for a user who is not there, or not any more.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.clock import timestamp
from promptmill.errors import Unauthenticated
from promptmill.gateway import EDGE_ATTEMPTS, aws_client, store_errors
from promptmill.identity.caller import Caller
from promptmill.identity.users.model import SignIn, User
from promptmill.settings import settings

if TYPE_CHECKING:
    from promptmill.identity.tokens import Identity

_GONE = "There is no such user any more."


class UserStore:
    def __init__(self, table: str, client: Any) -> None:
        self._table = table
        self._client = client

    def admit(self, identity: Identity, *, at_ms: int) -> Caller:
        """The user of an identity, as a caller."""
        sign_in = SignIn(identity.issuer, identity.subject, identity.email, identity.username)
        user = self.record(sign_in, at_ms=at_ms)
        return Caller(owner=user.id, plan="user", roles=identity.roles, limits=user.limits)

    def record(self, sign_in: SignIn, *, at_ms: int) -> User:
        """The user who signed in, whose record appears with the first sign-in."""
        known = {"issuer": sign_in.issuer, "subject": sign_in.subject}
        known |= {"email": sign_in.email} if sign_in.email else {}
        known |= {"username": sign_in.username} if sign_in.username else {}
        assignments = ["created_at = if_not_exists(created_at, :at)", "seen_at = :at"]
        return self._update(
            sign_in.user_id,
            UpdateExpression="SET " + ", ".join([*assignments, *(f"#{name} = :{name}" for name in known)]),
            ConditionExpression="attribute_not_exists(deleted_at)",
            ExpressionAttributeNames={f"#{name}": name for name in known},
            ExpressionAttributeValues={
                ":at": {"S": timestamp(at_ms)},
                **{f":{name}": {"S": value} for name, value in known.items()},
            },
        )

    def get(self, user_id: str) -> User:
        with store_errors():
            item = self._client.get_item(TableName=self._table, Key=key(user_id), ConsistentRead=True).get("Item")
        if item is None or "deleted_at" in item:
            raise Unauthenticated(_GONE)
        return _user(item)

    def has_left(self, user_id: str) -> bool | None:
        """Whether a user was deleted; None of whom nothing is known, also because the tombstone is gone by now."""
        with store_errors():
            item = self._client.get_item(TableName=self._table, Key=key(user_id), ConsistentRead=True).get("Item")
        return None if item is None else "deleted_at" in item

    def rename(self, user_id: str, display_name: str | None) -> User:
        """The user, called so from now on; None takes the name away."""
        named: dict[str, Any] = {"UpdateExpression": "REMOVE display_name"}
        if display_name is not None:
            named = {
                "UpdateExpression": "SET display_name = :name",
                "ExpressionAttributeValues": {":name": {"S": display_name}},
            }
        return self._update(
            user_id, ConditionExpression="attribute_exists(pk) AND attribute_not_exists(deleted_at)", **named
        )

    def _update(self, user_id: str, **change: Any) -> User:
        with store_errors():
            try:
                item = self._client.update_item(
                    TableName=self._table, Key=key(user_id), ReturnValues="ALL_NEW", **change
                )["Attributes"]
            except self._client.exceptions.ConditionalCheckFailedException:
                raise Unauthenticated(_GONE) from None
        return _user(item)


def key(user_id: str) -> dict[str, Any]:
    """Where a user is."""
    return {"pk": {"S": f"USER#{user_id}"}, "sk": {"S": "USER"}}


def is_there(user_id: str) -> dict[str, Any]:
    """The condition of a transaction that holds for a user who signed in and has not left."""
    return {
        "Key": key(user_id),
        "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(deleted_at)",
    }


def _user(item: dict[str, Any]) -> User:
    texts = {name: value["S"] for name, value in item.items() if "S" in value}
    return User(
        id=texts["pk"].removeprefix("USER#"),
        issuer=texts["issuer"],
        subject=texts["subject"],
        created_at=texts["created_at"],
        seen_at=texts["seen_at"],
        email=texts.get("email"),
        username=texts.get("username"),
        display_name=texts.get("display_name"),
        limits=texts.get("limits", ""),
    )


@cache
def user_store(*, attempts: int = EDGE_ATTEMPTS) -> UserStore:
    """This process's store; ``attempts`` of each call, the first one too."""
    (table,) = settings().require("library_table")
    return UserStore(table, aws_client("dynamodb", attempts=attempts))
