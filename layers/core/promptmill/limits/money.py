"""Money as DynamoDB adds it up: whole nano-US-dollars, 1e-9 of a dollar."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

NANO_DECIMALS = 9


def to_nanousd(amount_usd: Decimal) -> int:
    """The amount in nano-dollars, rounded up: what is counted is never less than what was paid."""
    return int(amount_usd.scaleb(NANO_DECIMALS).to_integral_value(ROUND_CEILING))


def format_nanousd(amount: int) -> str:
    """The amount in US dollars, exactly, in plain decimal notation without trailing zeros: ``0.000412``, ``0``."""
    return f"{Decimal(amount).scaleb(-NANO_DECIMALS):f}".rstrip("0").rstrip(".")
