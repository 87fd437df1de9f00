"""Accounts in memory; ``tests/integration`` holds them to the promises of the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from promptmill.errors import BudgetExhausted, PromptmillError, RateLimited
from promptmill.limits.spending.reservation import Account, Claim, Entry, Reservation, Verdict, judge, settlement_entry
from promptmill.limits.spending.store import SpendingStore


class MemorySpending(SpendingStore):
    """One account per subject and day; its open jobs are those of every day. ``error`` is raised while it is set."""

    def __init__(self) -> None:
        self.error: PromptmillError | None = None
        self.days: dict[tuple[str, str], Account] = {}
        self.open: dict[str, frozenset[str]] = {}

    def reserve(self, claim: Claim) -> bool:
        wanted = claim.reservation
        account = self.read(claim.subject, wanted.day)
        verdict = judge(account, claim)
        if verdict in {Verdict.OVER_BUDGET, Verdict.OVER_IMAGES}:
            raise BudgetExhausted
        if verdict is Verdict.OVER_JOBS:
            raise RateLimited
        if verdict is Verdict.ADMITTED:
            self.open[claim.subject] = account.open_jobs | {claim.job_id}
            self.days[claim.subject, wanted.day] = replace(
                account, nanousd=account.nanousd + wanted.nanousd, images=account.images + wanted.images
            )
        return verdict is Verdict.ADMITTED

    def settle(self, subject: str, job_id: str, reservation: Reservation, *, spent_nanousd: int) -> None:
        if self.error:
            raise self.error
        if job_id not in self.open.get(subject, frozenset()):
            return
        self._enter(subject, job_id, reservation.day, settlement_entry(reservation, spent_nanousd))

    def write(self, arguments: Mapping[str, Any]) -> bool:
        """Settles as one of the workflow's own writes says; whether its condition held."""
        names, values = arguments["ExpressionAttributeNames"], arguments["ExpressionAttributeValues"]
        subject, job_id = arguments["Key"]["pk"]["S"].removeprefix("SPEND#"), names["#job"]
        assert values[":minus_one"] == {"N": "-1"}
        if job_id not in self.open.get(subject, frozenset()):
            return False
        added = {name: int(values[name]["N"]) for name in (":difference", ":spent", ":images") if name in values}
        entry = Entry(added[":difference"], added.get(":spent", 0), added[":images"])
        self._enter(subject, job_id, names["#nanousd"].removeprefix("nanousd_"), entry)
        return True

    def _enter(self, subject: str, job_id: str, day: str, entry: Entry) -> None:
        account = self.read(subject, day)
        self.open[subject] = account.open_jobs - {job_id}
        self.days[subject, day] = replace(
            account,
            nanousd=account.nanousd + entry.nanousd,
            spent_nanousd=account.spent_nanousd + entry.spent_nanousd,
            images=account.images + entry.images,
        )

    def read(self, subject: str, day: str) -> Account:
        account = self.days.get((subject, day), Account())
        return replace(account, open_jobs=self.open.get(subject, frozenset()))
