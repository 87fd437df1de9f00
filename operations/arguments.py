"""What command lines are made of: ids, times, lengths of time."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from promptmill.clock import instant_ms, is_id, now_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LENGTH = re.compile(r"([1-9]\d{0,5})([smhdw])", re.ASCII)
_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_OWNER = re.compile(r"(?:usr|ip)_[0-9a-f]{32}", re.ASCII)
_USER = re.compile(r"usr_[0-9a-f]{32}", re.ASCII)


class Form(click.ParamType):
    """Text of one form; ``rule`` says which."""

    def __init__(self, name: str, has_form: Callable[[str], Any], rule: str) -> None:
        self.name = name
        self._has_form = has_form
        self._rule = rule

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not self._has_form(value):
            self.fail(self._rule, param, ctx)
        return str(value)


def id_of(prefix: str, name: str) -> Form:
    """Our ids with this prefix; ``name`` is what they are ids of."""
    return Form(f"{name} id", partial(is_id, prefix), f"the id of a {name} is {prefix}_ and 26 characters")


JOB_ID = id_of("job", "job")
KEY_ID = id_of("key", "key")
WEBHOOK_ID = id_of("whk", "webhook")
DELIVERY_ID = id_of("evt", "delivery")
OWNER = Form("owner", _OWNER.fullmatch, "an owner is usr_ or ip_ and 32 hexadecimal digits")
USER = Form("user", _USER.fullmatch, "a user is usr_ and 32 hexadecimal digits")
SUBJECT = Form(
    "subject",
    lambda text: is_id("key", text) or _OWNER.fullmatch(text),
    "a subject is a user (usr_…), an API key (key_…) or an address (ip_…)",
)
LIMITED = Form(
    "subject",
    lambda text: is_id("key", text) or _USER.fullmatch(text),
    "limits are set for a user (usr_…) or an API key (key_…)",
)
LIMIT = click.IntRange(min=1, max=100_000)
"""What ``--limit`` may be."""


def one_of(names: Iterable[str]) -> click.Choice:
    """One of these names; those of an enumeration are shown as they are written."""
    return click.Choice([str(name) for name in names])


class Length(click.ParamType):
    """A length of time, such as ``90s`` or ``3d``, in milliseconds; ``longest``, one such text, bounds it."""

    name = "length"

    def __init__(self, longest: str | None = None) -> None:
        self._longest = longest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = _LENGTH.fullmatch(value)
        if match is None:
            self.fail("a length of time is a number and s, m, h, d or w, such as 2h", param, ctx)
        length_ms = _length_ms(match)
        if self._longest is not None and length_ms > Length().convert(self._longest, None, None):
            self.fail(f"it is {self._longest} at most", param, ctx)
        return length_ms


class Instant(click.ParamType):
    """A time, RFC 3339 or how long ago, in milliseconds since the epoch."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if match := _LENGTH.fullmatch(value):
            return now_ms() - _length_ms(match)
        try:
            return instant_ms(value)
        except ValueError:
            self.fail("a time is how long ago, such as 2h, or RFC 3339, such as 2026-11-21T10:00:00Z", param, ctx)


def _length_ms(match: re.Match[str]) -> int:
    return int(match[1]) * _UNIT_MS[match[2]]
