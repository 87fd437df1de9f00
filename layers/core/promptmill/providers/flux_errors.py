"""Together's refusals in our words.

https://docs.together.ai/docs/error-codes
"""

from __future__ import annotations

from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING

from promptmill.errors import (
    BrokenContractError,
    InvalidRequest,
    ModelNotFound,
    PromptmillError,
    ProviderAccessDenied,
    ProviderError,
    ProviderQuota,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
    TransientError,
)
from promptmill.providers.failures import failure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPResponse

# 520 and 524 are the edge network's: the origin answered nonsense, the origin was too slow. 529: overloaded.
FAILURES: Mapping[int, type[PromptmillError]] = MappingProxyType(
    {
        400: InvalidRequest,
        401: ProviderAccessDenied,
        402: ProviderQuota,
        403: ProviderAccessDenied,
        404: ModelNotFound,
        408: ProviderTimeout,
        409: ProviderThrottled,
        429: ProviderThrottled,
        500: ProviderError,
        503: ProviderUnavailable,
        504: ProviderTimeout,
        520: ProviderError,
        524: ProviderTimeout,
        529: ProviderError,
    }
)

MAX_RETRY_AFTER_SECONDS = 24 * 3600


def refused(response: HTTPResponse) -> PromptmillError:
    """Our error for an answer other than 200. Its body is not read: it may quote the prompt.

    ``x-should-retry: false`` on an error we would retry makes it ``BrokenContractError``, which no state retries.
    ``Retry-After`` in seconds is kept; as a date it is not.
    """
    kind = FAILURES.get(response.status) or _by_family(response.status)
    if issubclass(kind, TransientError) and response.headers.get("x-should-retry", "").strip().lower() == "false":
        kind = BrokenContractError
    return failure(
        kind, f"flux: HTTP {response.status}", retry_after_seconds=_seconds(response.headers.get("Retry-After", ""))
    )


def _by_family(status: int) -> type[PromptmillError]:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ProviderError
    if status >= HTTPStatus.BAD_REQUEST:
        return InvalidRequest
    # A redirect is not followed, for the key would go with it: the configured URL is wrong.
    return BrokenContractError


def _seconds(value: str) -> int | None:
    value = value.strip()
    if not (value.isascii() and value.isdigit() and len(value) < len(str(MAX_RETRY_AFTER_SECONDS)) + 1):
        return None
    return min(int(value), MAX_RETRY_AFTER_SECONDS)
