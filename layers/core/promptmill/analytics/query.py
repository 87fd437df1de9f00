"""What GET /v1/analytics may be asked: its parameters, their rules and limits. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from promptmill.analytics.report import DIMENSIONS
from promptmill.analytics.rollup import KEPT_DAYS
from promptmill.errors import InvalidParameter
from promptmill.paging import single_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_DAYS = 92
DEFAULT_DAYS = 7
EVERYBODY = "all"
MAX_LENGTHS = {"from": 10, "to": 10, "group_by": 64, "owner": 36}
"""The parameters there are, and how many characters each may have."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_OWNER = re.compile(rf"(?:usr|ip)_[0-9a-f]{{32}}|{EVERYBODY}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """The days are UTC's, both included. ``owner`` is None for the caller, ``EVERYBODY`` for the jobs of all."""

    first_day: str
    last_day: str
    group_by: tuple[str, ...] = ()
    owner: str | None = None


def report_request(parameters: Mapping[str, Sequence[str]], *, today: str) -> ReportRequest:
    """The request in a query string's parameters, each with all its values. Raises ``InvalidParameter``."""
    sent = single_values(parameters, MAX_LENGTHS)
    days = _Days(date.fromisoformat(today))
    last = days.named("to", sent["to"]) if "to" in sent else days.today
    first = (
        days.named("from", sent["from"])
        if "from" in sent
        else max(days.oldest, last - timedelta(days=DEFAULT_DAYS - 1))
    )
    if first > last:
        raise InvalidParameter("from must not be after to.")
    if (last - first).days >= MAX_DAYS:
        raise InvalidParameter(f"from and to must be at most {MAX_DAYS} days, both counted.")
    return ReportRequest(
        first.isoformat(),
        last.isoformat(),
        group_by=_dimensions(sent["group_by"]) if "group_by" in sent else (),
        owner=_owner(sent["owner"]) if "owner" in sent else None,
    )


@dataclass(frozen=True, slots=True)
class _Days:
    """Those that may be asked for: what is kept, today, and tomorrow, which it is already in the east."""

    today: date

    @property
    def oldest(self) -> date:
        return self.today - timedelta(days=KEPT_DAYS)

    def named(self, name: str, text: str) -> date:
        try:
            day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
        except ValueError:
            day = None
        if day is None:
            raise InvalidParameter(f"{name} must be a day such as 2026-11-21.")
        if not self.oldest <= day <= self.today + timedelta(days=1):
            raise InvalidParameter(f"{name} must be at most {KEPT_DAYS} days ago, and not after tomorrow, in UTC.")
        return day


def _dimensions(text: str) -> tuple[str, ...]:
    named = text.split(",")
    if not set(named) <= set(DIMENSIONS) or len(set(named)) < len(named):
        *first, last = DIMENSIONS
        raise InvalidParameter(f"group_by must be some of {', '.join(first)} and {last}, with commas, each once.")
    return tuple(named)


def _owner(text: str) -> str:
    if not _OWNER.fullmatch(text):
        raise InvalidParameter(f"owner must be {EVERYBODY}, or the owner of a job, such as usr_ and 32 digits.")
    return text
