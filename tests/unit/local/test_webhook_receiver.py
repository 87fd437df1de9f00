"""The receiver that `python -m local receive-webhooks` starts, sent to by what sends webhooks."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.certificates import keep_certificates
from local.webhook_receiver import MAX_BODY_BYTES, WebhookReceiver
from promptmill.clock import now_ms
from promptmill.events.webhooks.answer import Answer
from promptmill.events.webhooks.gateway import WebhookSender
from promptmill.events.webhooks.model import Secret
from promptmill.events.webhooks.signature import SECRET_PREFIX, signed_headers

SECRET, ANOTHER = (SECRET_PREFIX + base64.b64encode(bytes([fill]) * 32).decode() for fill in (1, 2))
BODY = b'{"type":"job.succeeded"}'


@contextmanager
def receiving(folder: Path, secret: str | None) -> Iterator[tuple[WebhookReceiver, list[str]]]:
    shown: list[str] = []
    with WebhookReceiver(folder, 0, secret, shown.append) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield receiver, shown
        receiver.shutdown()
        thread.join()


def send(folder: Path, receiver: WebhookReceiver, body: bytes = BODY) -> Answer:
    headers = signed_headers("evt_1", body, [Secret(SECRET)], at_ms=now_ms())
    return WebhookSender(loopback_ca=str(keep_certificates(folder))).send(receiver.url, body, headers)


@pytest.mark.parametrize(
    ("secret", "status", "verdict"),
    [(SECRET, 204, "signature holds"), (ANOTHER, 401, "signature DOES NOT HOLD"), (None, 204, "signature not checked")],
)
def test_an_event_is_shown_with_what_its_signature_is_worth(
    tmp_path: Path, secret: str | None, status: int, verdict: str
) -> None:
    with receiving(tmp_path, secret) as (receiver, shown):
        assert send(tmp_path, receiver).status_code == status
        assert receiver.all_hold == (status == 204)
    (text,) = shown
    assert text.startswith(f"evt_1  {verdict}")
    assert '"type": "job.succeeded"' in text


def test_a_body_that_is_no_json_is_shown_as_it_is(tmp_path: Path) -> None:
    with receiving(tmp_path, SECRET) as (receiver, shown):
        assert send(tmp_path, receiver, b"\x1b[31m").status_code == 204
    assert "b'\\x1b[31m'" in shown[0]


def test_a_body_without_end_is_not_taken(tmp_path: Path) -> None:
    with receiving(tmp_path, None) as (receiver, shown):
        assert send(tmp_path, receiver, bytes(MAX_BODY_BYTES + 1)).status_code in {413, None}
    assert not any("evt_1" in text for text in shown)


def test_a_connection_that_brings_nothing_does_not_end_the_receiver(tmp_path: Path) -> None:
    with receiving(tmp_path, None) as (receiver, _):
        unknown_authority = tmp_path / "unknown"
        unknown_authority.mkdir()
        assert send(unknown_authority, receiver).status_code is None
        assert send(tmp_path, receiver).status_code == 204


def test_a_receiver_ends_after_as_many_as_it_was_to_wait_for(tmp_path: Path) -> None:
    shown: list[str] = []
    with WebhookReceiver(tmp_path, 0, SECRET, shown.append, count=2) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        assert send(tmp_path, receiver).status_code == 204
        assert thread.is_alive()
        assert send(tmp_path, receiver).status_code == 204
        thread.join(timeout=5)
        assert not thread.is_alive()
    assert len(shown) == 2


@pytest.mark.parametrize("secret", ["whsec_a", "whsec_!!!!", SECRET.removeprefix(SECRET_PREFIX), "garbage"])
def test_a_secret_that_is_none_is_refused_before_anything_listens(tmp_path: Path, secret: str) -> None:
    with pytest.raises(ValueError, match=r"base64|whsec_"):
        WebhookReceiver(tmp_path, 0, secret, print)
