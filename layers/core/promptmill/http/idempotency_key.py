"""The Idempotency-Key header: 1 to 255 visible ASCII characters, bare or as a quoted string (RFC 8941 §3.3.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from promptmill.errors import InvalidHeader

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LENGTH = 255

_BARE = re.compile(r"[\x21\x23-\x7e][\x21-\x7e]*")
_QUOTED = re.compile(r'"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"')


def idempotency_key(headers: Mapping[str, list[str] | Any]) -> str | None:
    """The key, without its quotes; None without the header. ``headers`` is API Gateway's ``multiValueHeaders``.

    Raises ``InvalidHeader`` for a key outside its limits, and for more than one.
    """
    sent = [value for name, values in headers.items() if name.lower() == "idempotency-key" for value in values]
    if not sent:
        return None
    value = sent[0].strip()
    quoted = _QUOTED.fullmatch(value)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value
    if len(sent) > 1 or len(key) > MAX_LENGTH or not (quoted or _BARE.fullmatch(value)):
        raise InvalidHeader(f"Idempotency-Key must be one key of 1 to {MAX_LENGTH} visible ASCII characters.")
    return key
