"""The Prefer header, RFC 7240: how long a caller is willing to wait for a job's end."""

from __future__ import annotations

import re

from promptmill.errors import InvalidHeader

MAX_WAIT_SECONDS = 25
MAX_HEADER_LENGTH = 256

# What is between commas, except those within a quoted string.
_PREFERENCE = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^,"]|")+', re.DOTALL)
_WAIT = re.compile(r'wait\s*=\s*(?:"(\d{1,9})"|(\d{1,9}))\s*(?:;.*)?', re.IGNORECASE | re.ASCII)
_NAME = re.compile(r"wait\s*(?:[=;].*)?", re.IGNORECASE | re.DOTALL)


def wait_seconds(header: str) -> int:
    """The seconds of ``wait=N``, 0 without one; other preferences are ignored, as the RFC has it.

    The first ``wait`` counts. Raises ``InvalidHeader`` when its value is not a whole number from 1 to 25, or the header
    is longer than 256 characters.
    """
    if len(header) > MAX_HEADER_LENGTH:
        raise InvalidHeader(f"Prefer must not be longer than {MAX_HEADER_LENGTH} characters.")
    for preference in _PREFERENCE.findall(header):
        if _NAME.fullmatch(preference.strip()):
            match = _WAIT.fullmatch(preference.strip())
            seconds = int(match[1] or match[2]) if match else 0
            if not 1 <= seconds <= MAX_WAIT_SECONDS:
                raise InvalidHeader(f"The wait of Prefer must be a whole number from 1 to {MAX_WAIT_SECONDS}.")
            return seconds
    return 0
