"""The Idempotency-Key header: 1 to 255 visible ASCII characters, bare or as a quoted string (RFC 8941 §3.3.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from promptmill.errors import InvalidHeader

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LENGTH = 255

_BARE = rf"[\x21\x23-\x7e][\x21-\x7e]{{0,{MAX_LENGTH - 1}}}"
_QUOTED = rf'"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\]){{1,{MAX_LENGTH}}})"'
PATTERN = f"^(?:{_BARE}|{_QUOTED})$"


def idempotency_key(headers: Mapping[str, list[str] | Any]) -> str | None:
    """The key, without its quotes; None without the header. ``headers`` is API Gateway's ``multiValueHeaders``.

    Raises ``InvalidHeader`` for a key outside its limits, and for more than one.
    """
    sent = [value for name, values in headers.items() if name.lower() == "idempotency-key" for value in values]
    if not sent:
        return None
    value = sent[0].strip()
    match = re.fullmatch(PATTERN, value)
    if len(sent) > 1 or match is None:
        raise InvalidHeader(f"Idempotency-Key must be one key of 1 to {MAX_LENGTH} visible ASCII characters.")
    return re.sub(r"\\(.)", r"\1", match[1]) if match[1] else value
