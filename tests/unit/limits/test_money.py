"""Money as whole nano-dollars: never less than it is, and written exactly."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.limits.money import format_nanousd, to_nanousd
from tests.unit.core.asl import evaluate, states


@given(st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False))
def test_an_amount_is_counted_at_its_next_nano_dollar(amount: Decimal) -> None:
    assert 0 <= to_nanousd(amount) - Fraction(amount) * 10**9 < 1


@pytest.mark.parametrize(
    ("nanousd", "text"),
    [(0, "0"), (1, "0.000000001"), (412_000, "0.000412"), (10**9, "1"), (10**10, "10"), (2_500_000_000, "2.5")],
)
def test_an_amount_is_written_in_dollars(nanousd: int, text: str) -> None:
    assert format_nanousd(nanousd) == text


@given(st.integers(0, 10**14))
def test_what_is_written_is_read_as_the_same(nanousd: int) -> None:
    assert to_nanousd(Decimal(format_nanousd(nanousd))) == nanousd


@given(st.integers(0, 10**14), st.integers(0, 10**14))
def test_the_workflow_counts_a_cost_as_the_code_does(paid: int, reserved: int) -> None:
    """In floating point, which is exact here: the workflow has no other."""
    cost = {"model_usd": format_nanousd(paid)}
    variables = {
        "job": {"reservation": {"nanousd": reserved, "images": 3}},
        "event": {"data": {"cost": cost}},
        "outcome": {"cost": cost},
    }
    released = states()["ReleaseReservation"]["Arguments"]
    closed = states()["CloseSucceeded"]["Arguments"]["TransactItems"][0]["Update"]
    for values in (released["ExpressionAttributeValues"], closed["ExpressionAttributeValues"]):
        found = {name: evaluate(values[name], variables)["N"] for name in (":difference", ":spent", ":images")}
        assert found == {":difference": str(paid - reserved), ":spent": str(paid), ":images": "0" if paid else "-3"}
