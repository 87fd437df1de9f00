"""Users in DynamoDB: key ``USER#<id>``, ``USER``.

Every method raises ``StoreUnavailable`` when DynamoDB does not answer as it should.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.clock import timestamp
from promptmill.errors import Unauthenticated
from promptmill.gateway import EDGE_ATTEMPTS, aws_client, store_errors
from promptmill.identity.caller import Caller
from promptmill.settings import settings

if TYPE_CHECKING:
    from promptmill.identity.tokens import Identity


class UserStore:
    def __init__(self, table: str, client: Any) -> None:
        self._table = table
        self._client = client

    def admit(self, identity: Identity, *, at_ms: int) -> Caller:
        """The user of an identity, whose record appears with the first; ``Unauthenticated`` for one who left."""
        names = {"#issuer": "issuer", "#subject": "subject"}
        values = {
            ":at": {"S": timestamp(at_ms)},
            ":issuer": {"S": identity.issuer},
            ":subject": {"S": identity.subject},
        }
        update = (
            "SET created_at = if_not_exists(created_at, :at), seen_at = :at, #issuer = :issuer, #subject = :subject"
        )
        if identity.email:
            update += ", email = :email"
            values[":email"] = {"S": identity.email}
        if identity.username:
            # By which the user pool knows the user; whoever deletes the sign-in needs it.
            update += ", username = :username"
            values[":username"] = {"S": identity.username}
        with store_errors():
            try:
                item = self._client.update_item(
                    TableName=self._table,
                    Key=key(identity.user_id),
                    UpdateExpression=update,
                    ConditionExpression="attribute_not_exists(deleted_at)",
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                )["Attributes"]
            except self._client.exceptions.ConditionalCheckFailedException:
                raise Unauthenticated from None
        return Caller(
            owner=identity.user_id,
            plan="user",
            roles=identity.roles,
            limits=item["limits"]["S"] if "limits" in item else "",
        )


def key(user_id: str) -> dict[str, Any]:
    """Where a user is."""
    return {"pk": {"S": f"USER#{user_id}"}, "sk": {"S": "USER"}}


@cache
def user_store() -> UserStore:
    """This process's store."""
    (table,) = settings().require("library_table")
    return UserStore(table, aws_client("dynamodb", attempts=EDGE_ATTEMPTS))
