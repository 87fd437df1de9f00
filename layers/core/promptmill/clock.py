"""The only module that reads the time and makes ids.

Ids are prefixed ULIDs (https://github.com/ulid/spec): 48 bits of milliseconds, 80 random bits, 26 Crockford base-32
characters, so they sort by creation time.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80
_LENGTH = 26
# RFC 3339, section 5.6.
_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Milliseconds on a clock that never goes back; only differences mean something."""
    return time.monotonic_ns() // 1_000_000


def pause_up_to(seconds: float, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Does nothing for a time between 0 and this, by chance, so that who waits for the same comes back apart."""
    sleep(seconds * secrets.randbelow(1001) / 1000)


def timestamp(at_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-11-21T10:00:00.123Z``."""
    seconds, milliseconds = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def epoch_ms(at: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 timestamp."""
    return round(datetime.fromisoformat(at).timestamp() * 1000)


def instant_ms(text: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 time as callers write it; what is finer is dropped.

    Raises ``ValueError`` for any other text, a time without a zone too.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time with a zone")
    date, time_of_day, fraction, zone = match.groups()
    milliseconds = (fraction or "")[:3].ljust(3, "0")
    return epoch_ms(f"{date}T{time_of_day}.{milliseconds}{zone.upper()}")


def new_id(prefix: str, at_ms: int) -> str:
    """A new id such as ``job_01J…``, stamped with the given time."""
    return f"{prefix}_{_encode((at_ms << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS))}"


def first_id(prefix: str, at_ms: int) -> str:
    """The id no other of the given millisecond sorts before; of the epoch, for what is older than it."""
    return f"{prefix}_{_encode(max(at_ms, 0) << _RANDOM_BITS)}"


def derived_id(prefix: str, source_id: str, label: str) -> str:
    """The id that belongs to ``source_id`` under ``label``.

    The same for the same arguments, so that work done twice names its product once. It carries the source's time.
    """
    ulid = source_id.rpartition("_")[2]
    digest = hashlib.sha256(f"{source_id}/{label}".encode()).digest()
    random_bits = int.from_bytes(digest[: _RANDOM_BITS // 8], "big")
    return f"{prefix}_{_encode((_decode(ulid) >> _RANDOM_BITS << _RANDOM_BITS) | random_bits)}"


def hashed_id(prefix: str, source: str) -> str:
    """The id that belongs to a source without a time of its own: the same for the same source, in no order."""
    digest = hashlib.sha256(source.encode()).digest()
    return f"{prefix}_{_encode(int.from_bytes(digest[:16], 'big'))}"


def is_id(prefix: str, text: str) -> bool:
    """Whether ``text`` has the form of an id with this prefix."""
    head, _, ulid = text.rpartition("_")
    return head == prefix and len(ulid) == _LENGTH and ulid[0] <= "7" and all(c in _ALPHABET for c in ulid)


def id_pattern(prefix: str) -> str:
    """The same as a regular expression, for the OpenAPI document."""
    return f"^{prefix}_[0-7][{_ALPHABET}]{{{_LENGTH - 1}}}$"


def _encode(number: int) -> str:
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range((_LENGTH - 1) * 5, -5, -5))


def _decode(ulid: str) -> int:
    number = 0
    for character in ulid:
        number = number << 5 | _ALPHABET.index(character)
    return number


def random_fraction() -> float:
    """At least 0 and less than 1."""
    return secrets.randbits(53) / 2**53


def random_hex(size_bytes: int) -> str:
    """Random bytes in lower-case hexadecimal."""
    return secrets.token_hex(size_bytes)


def random_token(size_bytes: int) -> str:
    """Random bytes in base64url without padding."""
    return secrets.token_urlsafe(size_bytes)


def random_base64(size_bytes: int) -> str:
    """Random bytes in standard base64, padded."""
    return base64.b64encode(secrets.token_bytes(size_bytes)).decode()
