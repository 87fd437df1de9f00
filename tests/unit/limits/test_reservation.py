"""Whatever order jobs reserve and settle in, and however often: the caps hold, and what was spent is counted once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from promptmill.errors import BudgetExhausted, RateLimited
from promptmill.limits.plan import Allowance
from promptmill.limits.spending.reservation import Account, Claim, Entry, Reservation, Verdict, judge, settlement_entry
from tests.unit.jobs.accounts import MemorySpending

ALLOWED = Allowance(concurrent_jobs=3, images_per_day=8, daily_nanousd=1000)
DAYS = ["2026-11-20", "2026-11-21"]


def a_claim(job: str = "job_1", *, nanousd: int = 100, images: int = 0) -> Claim:
    return Claim("usr_1", job, Reservation(DAYS[1], nanousd, images), ALLOWED)


@pytest.mark.parametrize(
    ("account", "claim", "verdict"),
    [
        (Account(), a_claim(), Verdict.ADMITTED),
        (Account(nanousd=900), a_claim(), Verdict.ADMITTED),
        (Account(nanousd=901), a_claim(), Verdict.OVER_BUDGET),
        (Account(), a_claim(nanousd=1001), Verdict.OVER_BUDGET),
        (Account(images=6), a_claim(images=2), Verdict.ADMITTED),
        (Account(images=7), a_claim(images=2), Verdict.OVER_IMAGES),
        (Account(frozenset({"a", "b"})), a_claim(), Verdict.ADMITTED),
        (Account(frozenset({"a", "b", "c"})), a_claim(), Verdict.OVER_JOBS),
        (Account(frozenset({"job_1", "b", "c"}), nanousd=2000, images=20), a_claim(images=1), Verdict.HELD),
        (Account(frozenset({"a", "b", "c"}), nanousd=1000, images=8), a_claim(images=1), Verdict.OVER_BUDGET),
    ],
)
def test_an_account_admits_what_it_has_room_for(account: Account, claim: Claim, verdict: Verdict) -> None:
    assert judge(account, claim) is verdict


def test_who_asks_for_no_money_or_no_images_is_not_refused_for_them_after_a_limit_was_lowered() -> None:
    assert judge(Account(nanousd=5000, images=100), a_claim(nanousd=0)) is Verdict.ADMITTED


def test_a_settlement_puts_what_was_spent_in_the_place_of_what_was_reserved() -> None:
    reservation = Reservation(DAYS[1], 100, 3)
    assert settlement_entry(reservation, 40) == Entry(nanousd=-60, spent_nanousd=40, images=0)
    assert settlement_entry(reservation, 0) == Entry(nanousd=-100, spent_nanousd=0, images=-3)


class Accounts(RuleBasedStateMachine):
    """One subject's jobs, each with its reservation, and what it came to cost."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MemorySpending()
        self.claims: dict[str, Claim] = {}
        self.spent: dict[str, int] = {}

    @rule(job=st.integers(0, 9), day=st.sampled_from(DAYS), nanousd=st.integers(0, 400), images=st.integers(0, 4))
    def reserve(self, job: int, day: str, nanousd: int, images: int) -> None:
        name = f"job_{job}"
        claim = self.claims.setdefault(name, Claim("usr_1", name, Reservation(day, nanousd, images), ALLOWED))
        if name in self.spent:
            return
        held = name in self.store.read("usr_1", day).open_jobs
        try:
            assert self.store.reserve(claim) is not held
        except (BudgetExhausted, RateLimited):
            assert not held

    @rule(job=st.integers(0, 9), part=st.floats(0, 1))
    def settle(self, job: int, part: float) -> None:
        """At no more than was reserved; again at another figure, which changes nothing."""
        name = f"job_{job}"
        if name not in self.claims:
            return
        claim = self.claims[name]
        spent = int(part * claim.reservation.nanousd)
        if name in self.store.read("usr_1", DAYS[0]).open_jobs:
            self.spent[name] = spent
        before = dict(self.store.days)
        self.store.settle("usr_1", name, claim.reservation, spent_nanousd=spent)
        assert self.store.days == before or self.spent[name] == spent

    @invariant()
    def the_caps_hold(self) -> None:
        for day in DAYS:
            account = self.store.read("usr_1", day)
            assert 0 <= account.spent_nanousd <= account.nanousd <= ALLOWED.daily_nanousd
            assert 0 <= account.images <= ALLOWED.images_per_day
            assert len(account.open_jobs) <= ALLOWED.concurrent_jobs

    @invariant()
    def each_day_is_what_is_held_and_what_was_spent(self) -> None:
        for day in DAYS:
            account = self.store.read("usr_1", day)
            held = [self.claims[job].reservation for job in account.open_jobs]
            spent = sum(spent for job, spent in self.spent.items() if self.claims[job].reservation.day == day)
            assert account.spent_nanousd == spent
            assert account.nanousd == spent + sum(one.nanousd for one in held if one.day == day)

    def teardown(self) -> None:
        for job in self.store.read("usr_1", DAYS[0]).open_jobs:
            self.store.settle("usr_1", job, self.claims[job].reservation, spent_nanousd=0)
        for day in DAYS:
            account = self.store.read("usr_1", day)
            assert replace(account, spent_nanousd=account.nanousd) == account
            assert account.open_jobs == frozenset()


TestAccounts = Accounts.TestCase
