"""Which jobs a caller can reach, as the condition every read and write on their behalf carries. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptmill.jobs.model import Job


@dataclass(frozen=True, slots=True)
class Reach:
    """The jobs of ``owner``, or anybody's with None, that are not past their expiry at this epoch second.

    DynamoDB deletes a job some time after its expiry. ``condition`` is for items that name their owner,
    ``condition_below`` for all that is stored under a job's key, of which some do not.
    """

    owner: str | None
    at_seconds: int

    @property
    def condition(self) -> str:
        return "expires_at >= :at_seconds" + ("" if self.owner is None else " AND #owner = :owner")

    @property
    def condition_below(self) -> str:
        unnamed = "" if self.owner is None else " AND (attribute_not_exists(#owner) OR #owner = :owner)"
        return f"expires_at >= :at_seconds{unnamed}"

    @property
    def names(self) -> dict[str, str]:
        """The attribute names of either condition."""
        return {} if self.owner is None else {"#owner": "owner"}

    @property
    def values(self) -> dict[str, dict[str, str]]:
        """The attribute values of either condition."""
        at = {":at_seconds": {"N": str(self.at_seconds)}}
        return at if self.owner is None else {**at, ":owner": {"S": self.owner}}

    def filter(self, condition: str) -> dict[str, Any]:
        """The arguments of a query that leaves what one of the conditions holds for; its values are still to add."""
        # DynamoDB refuses names that are empty.
        return {"FilterExpression": condition} | ({"ExpressionAttributeNames": self.names} if self.names else {})

    def covers(self, job: Job) -> bool:
        return self.owner in {None, job.owner} and job.expires_at_seconds >= self.at_seconds
