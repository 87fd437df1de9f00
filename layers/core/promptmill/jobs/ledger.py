"""The cost ledger of a job: one row per provider call, written before the call and settled after it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from promptmill.error_codes import error_classes
from promptmill.limits.money import to_nanousd

if TYPE_CHECKING:
    from collections.abc import Sequence


class CallStatus(StrEnum):
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Call:
    """One paid call, or one that may have been paid. ``number`` counts from 1 within the job.

    ``upper_bound_usd`` is what the call can cost at most, known before it; ``cost_usd`` what it did cost, known after.
    A row that stayed ``started`` is a call whose end nobody saw. ``answer`` is what the provider said, kept to be
    replayed (``providers.recorded``); of several calls that succeeded, the one the job has its result from keeps it.
    """

    number: int
    step: str
    model: str
    status: CallStatus
    started_at: str
    upper_bound_usd: Decimal
    cost_usd: Decimal | None = None
    estimated: bool = False
    finished_at: str | None = None
    error: str | None = None
    provider_request_id: str | None = None
    answer: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def outcome(self) -> str:
        """The status of a call that has no error, else the error's code."""
        return error_classes()[self.error].code if self.error else self.status.value


@dataclass(frozen=True, slots=True)
class Cost:
    """``estimated`` when any part of it is an upper bound because the provider did not say."""

    usd: Decimal
    estimated: bool


def total_cost(calls: Sequence[Call]) -> Cost:
    """What these calls cost: settled rows at their cost, unsettled ones at their upper bound."""
    usd = sum((call.upper_bound_usd if call.cost_usd is None else call.cost_usd for call in calls), Decimal(0))
    return Cost(usd, any(call.cost_usd is None or call.estimated for call in calls))


def paid_nanousd(cost: dict[str, Any] | None) -> int:
    """What a job's ``cost`` says was paid, in nano-dollars; the workflow reads it the same way."""
    return to_nanousd(Decimal(cost["model_usd"])) if cost else 0


def next_number(calls: Sequence[Call]) -> int:
    """The number of the call after these."""
    return max((call.number for call in calls), default=0) + 1


def recorded_call(calls: Sequence[Call]) -> Call | None:
    """The call whose answer a job keeps."""
    return next((call for call in calls if call.answer is not None), None)
