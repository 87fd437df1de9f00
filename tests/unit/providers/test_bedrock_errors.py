"""Every row of Bedrock's error table, on the wire, inside the stream and from botocore itself."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import botocore.exceptions
import pytest
import urllib3.exceptions

from local.providers.event_stream import exception_frame
from promptmill import errors
from promptmill.providers.bedrock import BedrockProvider
from promptmill.providers.bedrock_errors import FAILURES
from promptmill.providers.failures import billed_usage
from tests.support.loopback import LAST_CHUNK, chunks, http_answer
from tests.unit.providers.bedrock_wire import CANARY, HEAD, START, a_bedrock_client, ask, delta, failing

if TYPE_CHECKING:
    from promptmill.errors import PromptmillError
    from tests.support.loopback import Loopback


# The error table of the facts page, with the HTTP status of each row, and what else is on that wire.
WIRE_ERRORS: list[tuple[str, int, type[PromptmillError]]] = [
    ("ThrottlingException", 429, errors.ProviderThrottled),
    ("ModelNotReadyException", 429, errors.ProviderWarming),
    ("ModelTimeoutException", 408, errors.ProviderTimeout),
    ("InternalServerException", 500, errors.ProviderError),
    ("ServiceUnavailableException", 503, errors.ProviderUnavailable),
    ("ModelStreamErrorException", 424, errors.ProviderStreamBroken),
    ("ModelErrorException", 424, errors.ProviderModelError),
    ("ValidationException", 400, errors.InvalidRequest),
    ("AccessDeniedException", 403, errors.ProviderAccessDenied),
    ("ResourceNotFoundException", 404, errors.ModelNotFound),
    ("ServiceQuotaExceededException", 400, errors.ProviderQuota),
    ("UnrecognizedClientException", 403, errors.ProviderAccessDenied),
    ("ExpiredTokenException", 403, errors.ProviderAccessDenied),
    ("InvalidSignatureException", 403, errors.ProviderAccessDenied),
    ("IncompleteSignatureException", 400, errors.ProviderAccessDenied),
    ("MissingAuthenticationTokenException", 403, errors.ProviderAccessDenied),
    ("TooManyRequestsException", 429, errors.ProviderThrottled),
    ("InternalFailure", 500, errors.ProviderError),
    ("ServiceUnavailable", 503, errors.ProviderUnavailable),
]
UNKNOWN_CODES: list[tuple[int, type[PromptmillError]]] = [
    (400, errors.InvalidRequest),
    (401, errors.ProviderAccessDenied),
    (403, errors.ProviderAccessDenied),
    (404, errors.ModelNotFound),
    (408, errors.ProviderTimeout),
    (413, errors.InvalidRequest),
    (424, errors.ProviderModelError),
    (429, errors.ProviderThrottled),
    (500, errors.ProviderError),
    (502, errors.ProviderError),
    (503, errors.ProviderUnavailable),
    (504, errors.ProviderTimeout),
]


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [*WIRE_ERRORS, *(("ErrorOfNextYear", status, expected) for status, expected in UNKNOWN_CODES)],
)
def test_an_error_answer_becomes_the_error_of_the_table(
    server: Loopback, bedrock: BedrockProvider, code: str, status: int, expected: type[PromptmillError]
) -> None:
    body = json.dumps({"message": CANARY}).encode()
    server.answers(http_answer(status, {"x-amzn-ErrorType": code, "Content-Type": "application/json"}, body))
    error = failing(bedrock)
    assert type(error) is expected
    assert billed_usage(error) is None
    assert len(server.received) == 1, "one attempt, for the workflow retries"


@pytest.mark.parametrize(("status", "expected"), UNKNOWN_CODES)
def test_an_error_page_that_is_not_json_goes_by_its_status(
    server: Loopback, bedrock: BedrockProvider, status: int, expected: type[PromptmillError]
) -> None:
    server.answers(http_answer(status, {"Content-Type": "text/html"}, f"<html>{CANARY}</html>".encode()))
    assert type(failing(bedrock)) is expected


def test_every_code_of_the_table_is_tested() -> None:
    codes = {code for code in FAILURES if code.endswith(("Exception", "Failure")) or code == "ServiceUnavailable"}
    assert codes == {code for code, _, _ in WIRE_ERRORS}


def test_every_error_the_api_declares_is_in_the_table(client: Any) -> None:
    declared = {shape.name for shape in client.meta.service_model.operation_model("ConverseStream").error_shapes}
    assert declared <= set(FAILURES)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("modelStreamErrorException", errors.ProviderStreamBroken),
        ("throttlingException", errors.ProviderThrottled),
        ("internalServerException", errors.ProviderError),
        ("serviceUnavailableException", errors.ProviderUnavailable),
        ("validationException", errors.InvalidRequest),
        ("modelTimeoutException", errors.ProviderTimeout),
        ("errorOfNextYear", errors.ProviderStreamBroken),
    ],
)
@pytest.mark.parametrize("before", [(), (START, delta("Hel"))])
def test_an_error_inside_the_stream_is_the_same_error(
    server: Loopback, bedrock: BedrockProvider, before: tuple[bytes, ...], code: str, expected: type[PromptmillError]
) -> None:
    server.answers(HEAD, chunks([*before, exception_frame(code, {"message": CANARY})]), LAST_CHUNK)
    error = failing(bedrock)
    # A code that is no member of the stream's shape reaches us without its name.
    assert type(error) is (errors.ProviderStreamBroken if code == "modelTimeoutException" else expected)
    usage = billed_usage(error)
    assert usage is not None
    assert usage.estimated
    assert (usage.output_tokens > 0) == bool(before)


def test_a_connection_closed_without_an_answer_is_an_unavailable_provider(
    server: Loopback, bedrock: BedrockProvider
) -> None:
    server.answers()
    assert type(failing(bedrock)) is errors.ProviderUnavailable


def test_a_refused_connection_is_an_unavailable_provider() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    nobody = a_bedrock_client(f"http://127.0.0.1:{port}")
    assert type(failing(BedrockProvider(nobody))) is errors.ProviderUnavailable
    nobody.close()


class RaisingClient:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def converse_stream(self, **_: object) -> dict[str, Any]:
        raise self._error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (botocore.exceptions.ConnectTimeoutError(endpoint_url=CANARY), errors.ProviderUnavailable),
        (botocore.exceptions.ReadTimeoutError(endpoint_url=CANARY), errors.ProviderTimeout),
        (botocore.exceptions.EndpointConnectionError(endpoint_url=CANARY), errors.ProviderUnavailable),
        (botocore.exceptions.ProxyConnectionError(proxy_url=CANARY), errors.ProviderUnavailable),
        (botocore.exceptions.SSLError(endpoint_url=CANARY, error=OSError(CANARY)), errors.ProviderUnavailable),
        (botocore.exceptions.HTTPClientError(error=CANARY), errors.ProviderUnavailable),
        (botocore.exceptions.NoCredentialsError(), errors.ProviderAccessDenied),
        (botocore.exceptions.PartialCredentialsError(provider="env", cred_var=CANARY), errors.ProviderAccessDenied),
        (
            botocore.exceptions.CredentialRetrievalError(provider="env", error_msg=CANARY),
            errors.ProviderAccessDenied,
        ),
        (botocore.exceptions.TokenRetrievalError(provider="sso", error_msg=CANARY), errors.ProviderAccessDenied),
        (botocore.exceptions.UnauthorizedSSOTokenError(), errors.ProviderAccessDenied),
        (botocore.exceptions.ParamValidationError(report=CANARY), errors.InvalidRequest),
        (botocore.exceptions.NoRegionError(), errors.BrokenContractError),
        (botocore.exceptions.ProfileNotFound(profile=CANARY), errors.BrokenContractError),
        (urllib3.exceptions.ProtocolError(CANARY), errors.ProviderUnavailable),
        (ConnectionResetError(CANARY), errors.ProviderUnavailable),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_a_call_without_an_answer_becomes_the_error_of_the_table(
    error: Exception, expected: type[PromptmillError]
) -> None:
    assert type(failing(BedrockProvider(RaisingClient(error)))) is expected


def test_a_bug_is_not_dressed_up_as_a_failure_of_the_provider() -> None:
    with pytest.raises(ZeroDivisionError):
        ask(BedrockProvider(RaisingClient(ZeroDivisionError())))


def test_operators_see_the_code_and_the_request_id_but_not_the_text(server: Loopback, bedrock: BedrockProvider) -> None:
    headers = {"x-amzn-ErrorType": "ThrottlingException", "x-amzn-RequestId": "9d1f-77"}
    server.answers(http_answer(429, headers, json.dumps({"message": CANARY}).encode()))
    assert failing(bedrock).__notes__ == ["bedrock: ThrottlingException, HTTP 429, request 9d1f-77"]


def test_an_error_code_that_is_no_code_is_not_repeated(server: Loopback, bedrock: BedrockProvider) -> None:
    server.answers(http_answer(400, {"x-amzn-ErrorType": f"{CANARY} and more"}, b"{}"))
    assert type(failing(bedrock)) is errors.InvalidRequest
