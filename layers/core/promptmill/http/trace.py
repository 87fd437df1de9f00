"""W3C Trace Context (https://www.w3.org/TR/trace-context/): taken from the caller, or from X-Ray, or begun here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from promptmill.clock import random_hex
from promptmill.jobs.intake import Trace

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_XRAY_ROOT = re.compile(r"Root=1-(?!0{8}-0{24})([0-9a-f]{8})-([0-9a-f]{24})")


def trace_of(headers: Mapping[str, str], request_id: str) -> Trace:
    """The caller's ``traceparent`` if it is one; else a new one within the request's X-Ray trace, if there is one."""
    given = headers.get("traceparent") or ""
    if not _TRACEPARENT.fullmatch(given):
        xray = _XRAY_ROOT.search(headers.get("x-amzn-trace-id") or "")
        trace_id = "".join(xray.groups()) if xray else random_hex(16)
        given = f"00-{trace_id}-{random_hex(8)}-01"
    return Trace(correlation_id=request_id, traceparent=given)
