"""The image provider's key: read seldom, and a new one taken up."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from promptmill import errors
from promptmill.providers.secret import KEEP_MS, SecretKey
from tests.integration.tables import client
from tests.support.builders import FakeClock


class Secret:
    """One secret in Secrets Manager, whose reads are counted."""

    def __init__(self, secretsmanager: Any, name: str) -> None:
        self._client = secretsmanager
        self.arn: str = secretsmanager.create_secret(Name=name)["ARN"]
        self.reads = 0

    def is_set_to(self, **value: Any) -> None:
        self._client.put_secret_value(SecretId=self.arn, **value)

    def get_secret_value(self, *, SecretId: str) -> Any:  # noqa: N803
        self.reads += 1
        return self._client.get_secret_value(SecretId=SecretId)


@pytest.fixture
def secret(aws: None, request: pytest.FixtureRequest) -> Secret:
    return Secret(client("secretsmanager"), request.node.name)


def test_the_key_is_what_was_set_without_the_newline_it_was_set_with(secret: Secret) -> None:
    secret.is_set_to(SecretString="key-1\n")
    assert SecretKey(secret.arn, secret).read() == "key-1"


def test_the_key_is_read_once_in_five_minutes(secret: Secret) -> None:
    clock = FakeClock(at_ms=0)
    secret.is_set_to(SecretString="key-1")
    key = SecretKey(secret.arn, secret, clock=clock)
    assert key.read() == "key-1"
    secret.is_set_to(SecretString="key-2")
    clock.advance(KEEP_MS - 1)
    assert (key.read(), secret.reads) == ("key-1", 1)
    clock.advance(1)
    assert (key.read(), secret.reads) == ("key-2", 2)
    clock.advance(KEEP_MS - 1)
    assert (key.read(), secret.reads) == ("key-2", 2)


def test_five_minutes_are_five_minutes() -> None:
    assert KEEP_MS == 300_000


def test_a_secret_that_was_never_set_is_no_key(secret: Secret) -> None:
    with pytest.raises(errors.ProviderAccessDenied):
        SecretKey(secret.arn, secret).read()


@pytest.mark.parametrize("value", [{"SecretString": "  \n"}, {"SecretBinary": b"key"}])
def test_a_secret_without_text_is_no_key(secret: Secret, value: dict[str, Any]) -> None:
    secret.is_set_to(**value)
    with pytest.raises(errors.ProviderAccessDenied):
        SecretKey(secret.arn, secret).read()


def test_a_key_that_is_set_later_is_found_at_the_next_attempt(secret: Secret) -> None:
    key = SecretKey(secret.arn, secret)
    with pytest.raises(errors.ProviderAccessDenied):
        key.read()
    secret.is_set_to(SecretString="key-1")
    assert key.read() == "key-1"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ResourceNotFoundException", errors.ProviderAccessDenied),
        ("AccessDeniedException", errors.ProviderAccessDenied),
        ("ThrottlingException", errors.StoreUnavailable),
        ("InternalServiceError", errors.StoreUnavailable),
    ],
)
def test_a_refusal_is_one_that_may_go_away_or_a_key_that_is_not_there(
    code: str, error: type[errors.PromptmillError]
) -> None:
    stubbed = client("secretsmanager", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(stubbed) as stub:
        stub.add_client_error("get_secret_value", code)
        with pytest.raises(error):
            SecretKey("arn", stubbed).read()


class Silent:
    def get_secret_value(self, **_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://secretsmanager.eu-west-1.amazonaws.com")


def test_no_answer_at_all_may_be_tried_again() -> None:
    with pytest.raises(errors.StoreUnavailable):
        SecretKey("arn", Silent()).read()
