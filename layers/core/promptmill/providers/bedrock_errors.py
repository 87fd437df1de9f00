"""Bedrock's errors in our words: the one place that knows how botocore and urllib3 say that a call failed."""

from __future__ import annotations

import re
from functools import cache
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from promptmill.errors import (
    BrokenContractError,
    InvalidRequest,
    ModelNotFound,
    PromptmillError,
    ProviderAccessDenied,
    ProviderError,
    ProviderModelError,
    ProviderQuota,
    ProviderStreamBroken,
    ProviderThrottled,
    ProviderTimeout,
    ProviderUnavailable,
    ProviderWarming,
)
from promptmill.providers.failures import failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptmill.providers.interface import Usage

# By error code as on the wire (in-stream codes begin in lower case and are the same errors), and by exception class
# name where no answer came. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
FAILURES: Mapping[str, type[PromptmillError]] = MappingProxyType(
    {
        "ThrottlingException": ProviderThrottled,
        "TooManyRequestsException": ProviderThrottled,
        "ModelNotReadyException": ProviderWarming,
        "ModelTimeoutException": ProviderTimeout,
        "InternalServerException": ProviderError,
        "InternalFailure": ProviderError,
        "ServiceUnavailableException": ProviderUnavailable,
        "ServiceUnavailable": ProviderUnavailable,
        "ModelStreamErrorException": ProviderStreamBroken,
        "ModelErrorException": ProviderModelError,
        "ValidationException": InvalidRequest,
        "AccessDeniedException": ProviderAccessDenied,
        "UnrecognizedClientException": ProviderAccessDenied,
        "ExpiredTokenException": ProviderAccessDenied,
        "InvalidSignatureException": ProviderAccessDenied,
        "IncompleteSignatureException": ProviderAccessDenied,
        "MissingAuthenticationTokenException": ProviderAccessDenied,
        "ResourceNotFoundException": ModelNotFound,
        "ServiceQuotaExceededException": ProviderQuota,
        # Exception classes of botocore and urllib3.
        "ReadTimeoutError": ProviderTimeout,
        "ConnectTimeoutError": ProviderUnavailable,
        "EndpointConnectionError": ProviderUnavailable,
        "ConnectionClosedError": ProviderUnavailable,
        "ConnectionError": ProviderUnavailable,
        "HTTPClientError": ProviderUnavailable,
        "HTTPError": ProviderUnavailable,
        "OSError": ProviderUnavailable,
        "NoCredentialsError": ProviderAccessDenied,
        "PartialCredentialsError": ProviderAccessDenied,
        "CredentialRetrievalError": ProviderAccessDenied,
        "MetadataRetrievalError": ProviderAccessDenied,
        "NoAuthTokenError": ProviderAccessDenied,
        "TokenRetrievalError": ProviderAccessDenied,
        "SSOError": ProviderAccessDenied,
        "LoginError": ProviderAccessDenied,
        "ParamValidationError": InvalidRequest,
        "ResponseParserError": ProviderError,
        # Any other of botocore's is about our set-up: no Region, an unknown profile, a bad endpoint.
        "BotoCoreError": BrokenContractError,
    }
)

_BY_STATUS: Mapping[int, type[PromptmillError]] = MappingProxyType(
    {
        HTTPStatus.UNAUTHORIZED: ProviderAccessDenied,
        HTTPStatus.FORBIDDEN: ProviderAccessDenied,
        HTTPStatus.NOT_FOUND: ModelNotFound,
        HTTPStatus.REQUEST_TIMEOUT: ProviderTimeout,
        HTTPStatus.FAILED_DEPENDENCY: ProviderModelError,
        HTTPStatus.TOO_MANY_REQUESTS: ProviderThrottled,
        HTTPStatus.SERVICE_UNAVAILABLE: ProviderUnavailable,
        HTTPStatus.GATEWAY_TIMEOUT: ProviderTimeout,
    }
)


@cache
def call_failures() -> tuple[type[Exception], ...]:
    """What a call can raise before its stream begins."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    return (ClientError, BotoCoreError, ResponseParserError, HTTPError, OSError)


@cache
def stream_failures() -> tuple[type[Exception], ...]:
    """What reading a stream can raise: urllib3's errors arrive untranslated, odd events as any of these."""
    import http.client

    from botocore.eventstream import ParserError

    shape_errors = (ValueError, LookupError, TypeError, AttributeError)
    return (*call_failures(), ParserError, http.client.HTTPException, *shape_errors)


def call_failed(error: Exception) -> PromptmillError:
    """Our error for a call that got no stream."""
    answer = _answer(error)
    if answer is None:
        kind = _by_class(error) or BrokenContractError
        return failure(kind, f"bedrock: {type(error).__name__}")
    kind = FAILURES.get(answer.code) or _by_status(answer.status)
    return failure(kind, f"bedrock: {answer.code}, HTTP {answer.status}, request {answer.request_id}")


def stream_failed(error: Exception, usage: Usage) -> PromptmillError:
    """Our error for a stream that broke; ``usage`` is what it had used by then.

    An error frame has no HTTP status of its own, so an unknown code is a broken stream.
    """
    answer = _answer(error)
    if answer is None:
        kind: type[PromptmillError] = ProviderTimeout if _by_class(error) is ProviderTimeout else ProviderStreamBroken
        return failure(kind, f"bedrock, in the stream: {type(error).__name__}", usage=usage)
    return failure(
        FAILURES.get(answer.code, ProviderStreamBroken), f"bedrock, in the stream: {answer.code}", usage=usage
    )


class _Answer:
    """The parts of an error answer that are safe to write down."""

    def __init__(self, response: dict[str, Any]) -> None:
        metadata = response.get("ResponseMetadata") or {}
        code = _word((response.get("Error") or {}).get("Code"))
        self.code = code[:1].upper() + code[1:]
        self.status = int(metadata.get("HTTPStatusCode") or 0)
        self.request_id = _word(metadata.get("RequestId"))


def _answer(error: Exception) -> _Answer | None:
    response = getattr(error, "response", None)
    return _Answer(response) if isinstance(response, dict) else None


def _word(value: object) -> str:
    return value if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9-]{1,64}", value) else "unknown"


def _by_class(error: Exception) -> type[PromptmillError] | None:
    return next((FAILURES[cls.__name__] for cls in type(error).__mro__ if cls.__name__ in FAILURES), None)


def _by_status(status: int) -> type[PromptmillError]:
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    return InvalidRequest if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR else ProviderError
