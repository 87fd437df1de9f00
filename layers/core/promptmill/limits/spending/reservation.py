"""Spending is reserved before it is made: reserve, then settle at what it came to, which may be nothing. Pure.

What is reserved and what was spent are one sum, and the cap holds for that sum. A job's calls never cost more than its
reservation, so neither jobs that run side by side nor retries can bring a day's spending above the cap.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptmill.limits.plan import Allowance


@dataclass(frozen=True, slots=True)
class Reservation:
    """The most a job may cost, and how many images it makes, on the account of one day (UTC, ``2026-11-21``)."""

    day: str
    nanousd: int
    images: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What a job asks of its subject's account before it begins."""

    subject: str
    job_id: str
    reservation: Reservation
    allowance: Allowance


@dataclass(frozen=True, slots=True)
class Account:
    """What counts against a subject: its jobs at work, and of one day the money and the images.

    ``nanousd`` is what is reserved and what was spent, together; ``spent_nanousd`` the second alone.
    """

    open_jobs: frozenset[str] = frozenset()
    nanousd: int = 0
    spent_nanousd: int = 0
    images: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """What settling a reservation adds to its day's account, each possibly negative."""

    nanousd: int
    spent_nanousd: int
    images: int


class Verdict(StrEnum):
    ADMITTED = "admitted"
    HELD = "held"
    """The job has its reservation already."""
    OVER_BUDGET = "over_budget"
    OVER_IMAGES = "over_images"
    OVER_JOBS = "over_jobs"


def judge(account: Account, claim: Claim) -> Verdict:
    """Whether the account has room for the claim. Who asks for no money, or no images, cannot have too much of it."""
    wanted, allowed = claim.reservation, claim.allowance
    if claim.job_id in account.open_jobs:
        return Verdict.HELD
    if wanted.nanousd and account.nanousd + wanted.nanousd > allowed.daily_nanousd:
        return Verdict.OVER_BUDGET
    if wanted.images and account.images + wanted.images > allowed.images_per_day:
        return Verdict.OVER_IMAGES
    if len(account.open_jobs) >= allowed.concurrent_jobs:
        return Verdict.OVER_JOBS
    return Verdict.ADMITTED


def settlement_entry(reservation: Reservation, spent_nanousd: int) -> Entry:
    """The entry of a job that cost this much. Images that nothing was paid for were not made, and are given back."""
    return Entry(
        nanousd=spent_nanousd - reservation.nanousd,
        spent_nanousd=spent_nanousd,
        images=0 if spent_nanousd else -reservation.images,
    )
