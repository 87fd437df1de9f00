"""Our signatures, and the library that subscribers verify them with."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from promptmill.clock import new_id, now_ms, timestamp
from promptmill.events.webhooks.model import Secret
from promptmill.events.webhooks.signature import SECRET_PREFIX, signed_headers

BODY = b'{"type":"job.succeeded","data":{"note":"\xc3\xa9"}}'


def a_secret(fill: int, valid_until: str | None = None) -> Secret:
    return Secret(SECRET_PREFIX + base64.b64encode(bytes([fill]) * 32).decode(), valid_until)


def test_a_subscriber_with_the_secret_accepts_what_we_sign() -> None:
    at_ms = now_ms()
    event_id = new_id("evt", at_ms)
    headers = signed_headers(event_id, BODY, [a_secret(1)], at_ms=at_ms)
    assert Webhook(a_secret(1).value).verify(BODY, headers)["type"] == "job.succeeded"
    assert headers["webhook-id"] == event_id
    assert headers["webhook-timestamp"] == str(at_ms // 1000)


def test_a_subscriber_with_another_secret_does_not() -> None:
    headers = signed_headers("evt_1", BODY, [a_secret(1)], at_ms=now_ms())
    with pytest.raises(WebhookVerificationError):
        Webhook(a_secret(2).value).verify(BODY, headers)


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp"])
def test_what_stands_in_a_header_is_signed(header: str) -> None:
    headers = signed_headers("10", BODY, [a_secret(1)], at_ms=now_ms())
    headers[header] = str(int(headers[header]) + 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(a_secret(1).value).verify(BODY, headers)


@pytest.mark.parametrize("held", [1, 2])
def test_while_secrets_rotate_a_subscriber_may_have_either(held: int) -> None:
    at_ms = now_ms()
    secrets = [a_secret(2), a_secret(1, timestamp(at_ms + 1))]
    headers = signed_headers("evt_1", BODY, secrets, at_ms=at_ms)
    assert Webhook(a_secret(held).value).verify(BODY, headers)


def test_once_the_old_secret_has_ended_only_the_new_one_holds() -> None:
    at_ms = now_ms()
    headers = signed_headers("evt_1", BODY, [a_secret(2), a_secret(1, timestamp(at_ms))], at_ms=at_ms)
    assert Webhook(a_secret(2).value).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(a_secret(1).value).verify(BODY, headers)


@given(
    event_id=st.text(min_size=1),
    body=st.text(),
    key=st.binary(min_size=24, max_size=64),
    at_ms=st.integers(0, 4_102_444_800_000),
)
def test_our_signature_is_the_librarys_to_the_byte(event_id: str, body: str, key: bytes, at_ms: int) -> None:
    secret = Secret(SECRET_PREFIX + base64.b64encode(key).decode())
    expected = Webhook(secret.value).sign(event_id, datetime.fromtimestamp(at_ms / 1000, UTC), body)
    assert signed_headers(event_id, body.encode(), [secret], at_ms=at_ms)["webhook-signature"] == expected
