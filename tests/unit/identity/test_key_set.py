"""When an issuer is asked for its keys, and what holds while it does not answer."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from promptmill.errors import IssuerUnavailable
from promptmill.identity.key_set import AFTER_A_FAILURE_MS, BETWEEN_REQUESTS_MS, KEEP_MS, KeySet
from tests.unit.identity.issuing import World, key_document, public_jwk

URL = "https://login.example.com/.well-known/jwks.json"


@dataclass
class IssuerAt:
    """An issuer whose keys and whose clock a test sets; without keys it does not answer."""

    document: bytes | None
    now_ms: int = 0
    asked: list[str] = field(default_factory=list)

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if self.document is None:
            raise IssuerUnavailable
        return self.document

    def keys(self) -> KeySet:
        return KeySet(URL, self.fetch, clock=lambda: self.now_ms)


@pytest.fixture
def old(world: World) -> bytes:
    return key_document(public_jwk(world.clerk_rsa, kid="old"))


@pytest.fixture
def new(world: World) -> bytes:
    return key_document(public_jwk(world.clerk_ec, kid="new"))


def test_keys_are_fetched_when_first_needed_and_then_kept(old: bytes) -> None:
    issuer = IssuerAt(old)
    keys = issuer.keys()
    assert issuer.asked == []
    for second in range(0, KEEP_MS, 1000):
        issuer.now_ms = second
        assert keys.find("old", "RS256") is not None
    assert issuer.asked == [URL]


def test_a_key_is_for_its_own_algorithm_only(old: bytes) -> None:
    keys = IssuerAt(old).keys()
    assert keys.find("old", "RS256") is not None
    assert keys.find("old", "ES256") is None


def test_a_thousand_unknown_keys_are_one_request_in_five_minutes(old: bytes) -> None:
    issuer = IssuerAt(old)
    keys = issuer.keys()
    keys.find("old", "RS256")
    issuer.now_ms = BETWEEN_REQUESTS_MS
    for number in range(1000):
        assert keys.find(f"unknown-{number}", "RS256") is None
        issuer.now_ms += BETWEEN_REQUESTS_MS // 1001
    assert len(issuer.asked) == 2


def test_unknown_keys_of_a_new_process_are_one_request(old: bytes) -> None:
    issuer = IssuerAt(old)
    keys = issuer.keys()
    for number in range(1000):
        assert keys.find(f"unknown-{number}", "RS256") is None
    assert len(issuer.asked) == 1


def test_a_new_key_is_found_at_once_when_the_issuer_was_not_asked_lately(old: bytes, new: bytes) -> None:
    issuer = IssuerAt(old)
    keys = issuer.keys()
    keys.find("old", "RS256")
    issuer.document, issuer.now_ms = new, BETWEEN_REQUESTS_MS
    assert keys.find("new", "ES256") is not None
    assert keys.find("old", "RS256") is None


def test_a_new_key_is_found_within_five_minutes_of_any_request(old: bytes, new: bytes) -> None:
    issuer = IssuerAt(old)
    keys = issuer.keys()
    keys.find("old", "RS256")
    issuer.document, issuer.now_ms = new, BETWEEN_REQUESTS_MS - 1
    assert keys.find("new", "ES256") is None
    issuer.now_ms += 1
    assert keys.find("new", "ES256") is not None


def test_a_key_that_was_withdrawn_stops_within_an_hour(old: bytes, new: bytes) -> None:
    issuer = IssuerAt(old)
    keys = issuer.keys()
    keys.find("old", "RS256")
    issuer.document, issuer.now_ms = new, KEEP_MS - 1
    assert keys.find("old", "RS256") is not None
    issuer.now_ms += 1
    assert keys.find("old", "RS256") is None


def test_a_key_withdrawn_during_an_outage_stops_soon_after_it(old: bytes, new: bytes) -> None:
    issuer = IssuerAt(old)
    keys = issuer.keys()
    keys.find("old", "RS256")
    issuer.document, issuer.now_ms = None, KEEP_MS
    assert keys.find("old", "RS256") is not None
    issuer.document, issuer.now_ms = new, KEEP_MS + BETWEEN_REQUESTS_MS
    assert keys.find("old", "RS256") is None


@pytest.mark.parametrize("trouble", [None, b"", b"<html>down for maintenance</html>", b'{"error":"busy"}'])
def test_keys_outlive_an_outage(old: bytes, trouble: bytes | None) -> None:
    issuer = IssuerAt(old)
    keys = issuer.keys()
    keys.find("old", "RS256")
    issuer.document = trouble
    for hours in range(1, 25):
        issuer.now_ms = hours * KEEP_MS
        assert keys.find("unknown", "RS256") is None
        assert keys.find("old", "RS256") is not None


def test_an_outage_costs_a_request_in_five_minutes(old: bytes) -> None:
    issuer = IssuerAt(old)
    keys = issuer.keys()
    keys.find("old", "RS256")
    issuer.document = None
    for second in range(3600):
        issuer.now_ms = KEEP_MS + second * 1000
        keys.find("old", "RS256")
    assert len(issuer.asked) == 1 + 3_600_000 // BETWEEN_REQUESTS_MS


def test_an_issuer_that_never_answered_is_asked_again_after_five_seconds(old: bytes) -> None:
    issuer = IssuerAt(None)
    keys = issuer.keys()
    for now_ms in range(0, AFTER_A_FAILURE_MS, 100):
        issuer.now_ms = now_ms
        with pytest.raises(IssuerUnavailable):
            keys.find("old", "RS256")
    assert len(issuer.asked) == 1
    issuer.document, issuer.now_ms = old, AFTER_A_FAILURE_MS
    assert keys.find("old", "RS256") is not None


def test_keys_an_issuer_takes_back_all_at_once_are_gone(old: bytes) -> None:
    issuer = IssuerAt(old)
    keys = issuer.keys()
    keys.find("old", "RS256")
    issuer.document, issuer.now_ms = b'{"keys":[]}', KEEP_MS
    assert keys.find("old", "RS256") is None
