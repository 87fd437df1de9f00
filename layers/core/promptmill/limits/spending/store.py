"""Accounts in DynamoDB: key ``SPEND#<subject>``.

Each job at work is an attribute of its own, named after its id (``job_…``), and ``open_jobs`` is how many there are;
``nanousd_<day>``, ``spent_<day>`` and ``images_<day>`` are sums. Each change is one write, and its condition the whole
decision, so there is nothing between reading and writing. The workflow settles with the same writes (states
CloseSucceeded, ReleaseReservation and ReleaseUnused); a write that meets the transaction of the first is made again.

Every method raises ``StoreUnavailable`` when DynamoDB does not answer as it should.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from promptmill.errors import BudgetExhausted, RateLimited, StoreUnavailable
from promptmill.gateway import aws_client, store_errors, update_item
from promptmill.limits.spending.reservation import Account, Claim, Reservation, Verdict, judge, settlement_entry
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

KEPT_DAYS = 8
# A job that was accepted just before midnight is settled after it.
_NEEDED_DAYS = 2


class SpendingStore:
    def __init__(self, table: str, client: Any) -> None:
        self._table = table
        self._client = client

    def reserve(self, claim: Claim) -> bool:
        """Puts the job and its reservation on its subject's account; False when they were on it already.

        Raises ``BudgetExhausted`` when the day's money or images do not suffice, ``RateLimited`` when too many of the
        subject's jobs are at work; nothing is written then.
        """
        _admit(judge(Account(), claim))
        wanted, allowed = claim.reservation, claim.allowance
        condition = "attribute_not_exists(#job) AND (attribute_not_exists(open_jobs) OR open_jobs < :jobs)"
        values: dict[str, Any] = {
            ":one": {"N": "1"},
            ":jobs": {"N": str(allowed.concurrent_jobs)},
            ":nanousd": {"N": str(wanted.nanousd)},
            ":images": {"N": str(wanted.images)},
            ":expires_at": {"N": str(_expires_at_seconds(wanted.day))},
        }
        if wanted.nanousd:
            condition += " AND (attribute_not_exists(#nanousd) OR #nanousd <= :nanousd_room)"
            values[":nanousd_room"] = {"N": str(allowed.daily_nanousd - wanted.nanousd)}
        if wanted.images:
            condition += " AND (attribute_not_exists(#images) OR #images <= :images_room)"
            values[":images_room"] = {"N": str(allowed.images_per_day - wanted.images)}
        past = {f"#past{number}": name for number, name in enumerate(_past_names(wanted.day))}
        with store_errors():
            try:
                self._update(
                    claim.subject,
                    UpdateExpression=(
                        f"SET #job = :one, expires_at = :expires_at REMOVE {', '.join(past)}"
                        " ADD open_jobs :one, #nanousd :nanousd, #images :images"
                    ),
                    ConditionExpression=condition,
                    ExpressionAttributeNames={
                        "#job": claim.job_id,
                        "#nanousd": f"nanousd_{wanted.day}",
                        "#images": f"images_{wanted.day}",
                        **past,
                    },
                    ExpressionAttributeValues=values,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as refusal:
                verdict = judge(account_of(refusal.response.get("Item", {}), wanted.day), claim)
                if verdict is Verdict.HELD:
                    return False
                _admit(verdict)
                raise StoreUnavailable("the account refused what it has room for") from refusal
        return True

    def settle(self, subject: str, job_id: str, reservation: Reservation, *, spent_nanousd: int) -> None:
        """Takes the job off its subject's account, and puts what it cost in the place of its reservation.

        A job that is not on the account is fine: it never was, or was settled before.
        """
        entry = settlement_entry(reservation, spent_nanousd)
        with store_errors():
            try:
                self._update(
                    subject,
                    UpdateExpression=(
                        "REMOVE #job ADD open_jobs :minus_one, #nanousd :difference, #spent :spent, #images :images"
                    ),
                    ConditionExpression="attribute_exists(#job)",
                    ExpressionAttributeNames={
                        "#job": job_id,
                        "#nanousd": f"nanousd_{reservation.day}",
                        "#spent": f"spent_{reservation.day}",
                        "#images": f"images_{reservation.day}",
                    },
                    ExpressionAttributeValues={
                        ":minus_one": {"N": "-1"},
                        ":difference": {"N": str(entry.nanousd)},
                        ":spent": {"N": str(entry.spent_nanousd)},
                        ":images": {"N": str(entry.images)},
                    },
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return

    def read(self, subject: str, day: str) -> Account:
        """The subject's account of a day, possibly a moment old."""
        with store_errors():
            item = self._client.get_item(TableName=self._table, Key=key(subject)).get("Item", {})
        return account_of(item, day)

    def _update(self, subject: str, **write: Any) -> None:
        update_item(self._client, TableName=self._table, Key=key(subject), **write)


@cache
def spending_store(*, attempts: int = 1) -> SpendingStore:
    """This process's store; ``attempts`` of each call, the first one too."""
    (table,) = settings().require("control_table")
    return SpendingStore(table, aws_client("dynamodb", attempts=attempts))


def key(subject: str) -> dict[str, Any]:
    """Where a subject's account is."""
    return {"pk": {"S": f"SPEND#{subject}"}}


def account_of(item: Mapping[str, Any], day: str) -> Account:
    """A stored account as it stands on a day; what is not there is nothing."""
    nothing = {"N": "0"}
    return Account(
        open_jobs=frozenset(name for name in item if name.startswith("job_")),
        nanousd=int(item.get(f"nanousd_{day}", nothing)["N"]),
        spent_nanousd=int(item.get(f"spent_{day}", nothing)["N"]),
        images=int(item.get(f"images_{day}", nothing)["N"]),
    )


def _admit(verdict: Verdict) -> None:
    """Raises the refusal of a verdict that is one."""
    match verdict:
        case Verdict.OVER_BUDGET | Verdict.OVER_IMAGES:
            raise BudgetExhausted
        case Verdict.OVER_JOBS:
            raise RateLimited("Too many jobs at a time.")


def _past_names(day: str) -> list[str]:
    """The attributes of days that nothing is settled on any more, as far back as an account is kept."""
    today = date.fromisoformat(day)
    days = [today - timedelta(days=ago) for ago in range(_NEEDED_DAYS, KEPT_DAYS + 1)]
    return [f"{name}_{past.isoformat()}" for past in days for name in ("nanousd", "spent", "images")]


def _expires_at_seconds(day: str) -> int:
    begins = datetime.combine(date.fromisoformat(day), time(), UTC)
    return int((begins + timedelta(days=KEPT_DAYS + 1)).timestamp())
