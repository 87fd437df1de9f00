"""What became of one request to a webhook. Pure."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus

MAX_RETRY_AFTER_SECONDS = 24 * 3600
# RFC 9110, section 5.6.7: the form that is written, and the two that are still to be read.
_HTTP_DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")
# Six digits of seconds are more than a day, whatever follows.
_MOST_DIGITS = 6


class SendError(StrEnum):
    """Why an event does not count as received. The names are part of the API: a delivery's attempts have them."""

    ANSWERED_3XX = "answered_3xx"
    """A redirect, which is not followed."""
    ANSWERED_4XX = "answered_4xx"
    ANSWERED_5XX = "answered_5xx"
    TIMED_OUT = "timed_out"
    CONNECTION_REFUSED = "connection_refused"
    """No address of the host took a connection."""
    CONNECTION_BROKEN = "connection_broken"
    TLS_FAILED = "tls_failed"
    """The certificate is not one for this host that we trust, or there was no agreement on TLS."""
    NAME_NOT_RESOLVED = "name_not_resolved"
    ADDRESS_NOT_PUBLIC = "address_not_public"
    """The host has an address that is not public; nothing was connected to."""
    ANSWER_MALFORMED = "answer_malformed"
    """What came back is not HTTP/1.1, or its headers do not end."""
    URL_REFUSED = "url_refused"
    """The URL is not, or no longer, one that is sent to."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``status_code`` is None where no answer came; the event was received where ``error`` is None.

    ``retry_after_seconds`` is what the answer asks for, from 0 to a day; None where it does not ask.
    """

    duration_ms: int
    status_code: int | None = None
    error: SendError | None = None
    retry_after_seconds: int | None = None


def error_of_status(status_code: int) -> SendError | None:
    """None for 2xx. ``status_code`` is from 200 to 599."""
    if status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SendError.ANSWERED_5XX
    if status_code >= HTTPStatus.BAD_REQUEST:
        return SendError.ANSWERED_4XX
    if status_code >= HTTPStatus.MULTIPLE_CHOICES:
        return SendError.ANSWERED_3XX
    return None


def seconds_to_wait(retry_after: str, *, now_ms: int) -> int | None:
    """What a ``Retry-After`` header asks for, in seconds or as a date; None for anything else."""
    # The text is the receiver's, and long where it likes: it is looked at from end to end once.
    if retry_after.isascii() and retry_after.isdigit():
        seconds = int(retry_after.lstrip("0")[:_MOST_DIGITS] or "0")
    else:
        date = _date(retry_after)
        if date is None:
            return None
        seconds = math.ceil(date.timestamp() - now_ms / 1000)
    return max(0, min(seconds, MAX_RETRY_AFTER_SECONDS))


def _date(text: str) -> datetime | None:
    for form in _HTTP_DATES:
        with suppress(ValueError):
            return datetime.strptime(text, form).replace(tzinfo=UTC)
    return None
