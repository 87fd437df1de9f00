"""The limits of a caller: those of the caller's plan, with what an admin set for this caller instead. Pure.

Written as ``requests_per_minute=30,burst=30,concurrent_jobs=10,images_per_day=100,daily_usd=2.00``: without spaces or
quotation marks, which ``sam deploy --parameter-overrides`` reads its own way.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from promptmill.limits.gcra import RatePolicy
from promptmill.limits.money import format_nanousd, to_nanousd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptmill.identity.caller import Caller

PERIOD_SECONDS = 60

_WHOLE = re.compile(r"[0-9]{1,9}")
_USD = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_USD_NAME = "daily_usd"
_LEAST = {"requests_per_minute": 1, "burst": 1, "concurrent_jobs": 0, "images_per_day": 0, _USD_NAME: 0}


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a subject may have at work at a time, and have in a day, which is one in UTC."""

    concurrent_jobs: int
    images_per_day: int
    daily_nanousd: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Everything that limits a subject. The rate policy has the plan's name, whatever an admin set."""

    plan: str
    rate: RatePolicy
    allowance: Allowance

    def with_overrides(self, text: str) -> Limits:
        """These limits with others in their place: a JSON object of any of their names; an empty text has none.

        Whole numbers, but for ``daily_usd``, which is a string such as ``"2.50"``. Raises ``ValueError`` naming what
        is wrong.
        """
        if not text:
            return self
        overrides = json.loads(text)
        if not isinstance(overrides, dict):
            raise ValueError("limits must be a JSON object")  # noqa: TRY004 - a wrong value, whatever its type
        for name, value in overrides.items():
            if isinstance(value, str) is not (name == _USD_NAME):
                raise ValueError(_rule(name))
        return _limits(self.plan, self._written() | {name: str(value) for name, value in overrides.items()})

    def _written(self) -> dict[str, str]:
        return {
            "requests_per_minute": str(self.rate.limit),
            "burst": str(self.rate.burst),
            "concurrent_jobs": str(self.allowance.concurrent_jobs),
            "images_per_day": str(self.allowance.images_per_day),
            _USD_NAME: format_nanousd(self.allowance.daily_nanousd),
        }


def parse_limits(plan: str, text: str) -> Limits:
    """The limits of a plan as a deployment writes them, in any order. Raises ``ValueError`` naming what is wrong."""
    pairs = [entry.strip().partition("=") for entry in text.split(",")]
    names = [name for name, _, _ in pairs]
    if sorted(names) != sorted(_LEAST):
        raise ValueError(f"the limits of plan {plan} must be {', '.join(_LEAST)}, each once, not {', '.join(names)}")
    return _limits(plan, {name: value for name, _, value in pairs})


def limits_of(caller: Caller, plans: Mapping[str, Limits]) -> Limits:
    """What holds for a caller. Raises ``ValueError`` when what an admin set cannot be read."""
    return plans[caller.plan].with_overrides(caller.limits)


def _limits(plan: str, written: Mapping[str, Any]) -> Limits:
    for name, value in written.items():
        form = _USD if name == _USD_NAME else _WHOLE
        if name not in _LEAST or not form.fullmatch(value) or Decimal(value) < _LEAST[name]:
            raise ValueError(_rule(name))
    return Limits(
        plan=plan,
        rate=RatePolicy(plan, int(written["requests_per_minute"]), PERIOD_SECONDS, int(written["burst"])),
        allowance=Allowance(
            concurrent_jobs=int(written["concurrent_jobs"]),
            images_per_day=int(written["images_per_day"]),
            daily_nanousd=to_nanousd(Decimal(written[_USD_NAME])),
        ),
    )


def _rule(name: str) -> str:
    if name not in _LEAST:
        return f"there is no limit called {name}; there are {', '.join(_LEAST)}"
    if name == _USD_NAME:
        return f"{name} must be US dollars as a string such as 2.50"
    return f"{name} must be a whole number, {_LEAST[name]} or more"
