"""What a job cost, from the rows of its ledger."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from promptmill.jobs.ledger import Call, CallStatus, Cost, next_number, total_cost
from tests.support.builders import a_call

# Ten decimals, as prices per million tokens make them, up to a thousand dollars.
amounts = st.integers(0, 10**13).map(lambda units: Decimal(units).scaleb(-10))
calls = st.lists(
    st.builds(
        a_call,
        st.integers(1, 9999),
        st.sampled_from([status.value for status in CallStatus]),
        upper_bound_usd=amounts,
        cost_usd=st.none() | amounts,
        estimated=st.booleans(),
    ),
    max_size=30,
)


def units(amount: Decimal) -> int:
    """An amount in whole tenths of a billionth of a dollar."""
    return int(amount.scaleb(10))


@given(rows=calls)
def test_the_total_is_the_exact_sum_of_what_each_call_cost_or_may_have_cost(rows: list[Call]) -> None:
    expected = sum(units(row.upper_bound_usd if row.cost_usd is None else row.cost_usd) for row in rows)
    assert units(total_cost(rows).usd) == expected
    assert total_cost(rows).usd == Decimal(expected).scaleb(-10)


@given(rows=calls)
def test_the_total_is_an_estimate_as_soon_as_one_call_is(rows: list[Call]) -> None:
    assert total_cost(rows).estimated is any(row.cost_usd is None or row.estimated for row in rows)


@given(rows=calls, data=st.data())
def test_the_order_of_the_rows_does_not_matter(rows: list[Call], data: st.DataObject) -> None:
    assert total_cost(rows) == total_cost(data.draw(st.permutations(rows)))


@given(rows=calls)
def test_a_number_that_is_next_is_taken_by_nobody(rows: list[Call]) -> None:
    number = next_number(rows)
    assert all(number > row.number for row in rows)
    assert number == 1 or any(number == row.number + 1 for row in rows)


def test_no_calls_cost_nothing_and_the_first_is_number_one() -> None:
    assert total_cost([]) == Cost(Decimal(0), estimated=False)
    assert next_number([]) == 1


def test_a_call_whose_end_nobody_saw_counts_at_its_upper_bound() -> None:
    seen = a_call(1, "succeeded", cost_usd=Decimal("0.002"))
    unseen = a_call(2, "started", upper_bound_usd=Decimal("0.01"))
    assert total_cost([seen]) == Cost(Decimal("0.002"), estimated=False)
    assert total_cost([seen, unseen]) == Cost(Decimal("0.012"), estimated=True)


def test_a_call_that_is_known_to_have_cost_nothing_is_no_estimate() -> None:
    assert total_cost([a_call(1, "failed", cost_usd=Decimal(0))]) == Cost(Decimal(0), estimated=False)
