"""What every list has in common: ``limit``, and ``cursor``, where the next page begins, as text only we can make. Pure.

A cursor is the id of the last entry that was looked at, behind a keyed hash of it and of what the list is: whose, and
what was asked for. It holds for the same list and no other. How many entries a page has may change from page to page.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from promptmill.errors import InvalidParameter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Entry = TypeVar("Entry")

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
PAGE_LENGTHS = {"limit": 16, "cursor": 256}
"""The parameters every list has, and how many characters each may have."""

_TAG_BYTES = 16
_LIMIT = re.compile(r"[1-9]\d{0,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Page(Generic[Entry]):
    """Some of a list, newest first. ``position`` is where the next page goes on, None when nothing is left to look at.

    A page that leaves out what does not match may have no entries, and a position.
    """

    entries: tuple[Entry, ...]
    position: str | None


def single_values(parameters: Mapping[str, Sequence[str]], max_lengths: Mapping[str, int]) -> dict[str, str]:
    """The value of each parameter of a query string; ``max_lengths`` are the parameters there are, in characters.

    Raises ``InvalidParameter`` naming the parameter and its rule, for one nobody knows too: a typo must not list
    everything.
    """
    if not parameters.keys() <= max_lengths.keys():
        *first, last = max_lengths
        raise InvalidParameter(f"The parameters are {', '.join(first)} and {last}; there are no others.")
    for name, values in parameters.items():
        if len(values) != 1:
            raise InvalidParameter(f"{name} must be given once.")
        if len(values[0]) > max_lengths[name]:
            raise InvalidParameter(f"{name} must not be longer than {max_lengths[name]} characters.")
    return {name: values[0] for name, values in parameters.items()}


def limit_of(sent: Mapping[str, str]) -> int:
    """How many entries a page may have; raises ``InvalidParameter``."""
    text = sent.get("limit", str(DEFAULT_LIMIT))
    if not _LIMIT.fullmatch(text) or int(text) > MAX_LIMIT:
        raise InvalidParameter(f"limit must be a whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def cursor_key(salt: str, label: str) -> bytes:
    """The key of one list's cursors, so that a hash made for another use says nothing here."""
    return hmac.new(salt.encode(), label.encode(), hashlib.sha256).digest()


def make_cursor(position: str, *, bound: Sequence[str | int | None], key: bytes) -> str:
    """The cursor of the page behind ``position`` in the list that ``bound`` says, in base64url without padding."""
    tag = hmac.new(key, json.dumps([*bound, position]).encode(), hashlib.sha256).digest()[:_TAG_BYTES]
    return base64.urlsafe_b64encode(tag + position.encode()).rstrip(b"=").decode()


def position_of(cursor: str, *, bound: Sequence[str | int | None], key: bytes) -> str:
    """What a cursor stands behind; raises ``InvalidParameter`` unless it was made for the list that ``bound`` says."""
    try:
        position = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))[_TAG_BYTES:].decode()
        # The whole text is compared: base64 has several ways to write the same bytes.
        expected = make_cursor(position, bound=bound, key=key)
        is_ours = hmac.compare_digest(expected.encode(), cursor.encode())
    except ValueError:
        is_ours = False
    if not is_ours:
        raise InvalidParameter("cursor must be the next_cursor of a page of the same list.")
    return position
