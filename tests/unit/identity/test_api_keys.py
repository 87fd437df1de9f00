"""What an API key is at a time, and what rotating makes of it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.clock import timestamp
from promptmill.errors import ApiKeyEnded
from promptmill.identity.access import Scope
from promptmill.identity.api_keys.model import (
    LAST_USE_MS,
    MAX_OVERLAP_SECONDS,
    ApiKey,
    KeyStatus,
    digest_of,
    make_key,
    rotated,
)
from promptmill.identity.api_keys.store import new_secret
from tests.support.builders import AT_MS

HOUR_MS = 3_600_000
OWNER = f"usr_{'7' * 32}"


def a_key(secret: str = "pm_live_first", *, life_ms: int = 24 * HOUR_MS) -> ApiKey:
    return make_key(
        "key_01JD0000000000000000000000",
        "billing",
        owner=OWNER,
        scopes=frozenset({Scope.READ}),
        secret=secret,
        expires_at_ms=AT_MS + life_ms,
        at_ms=AT_MS,
    )


def opens(key: ApiKey, secret: str, *, at_ms: int = AT_MS) -> bool:
    return key.is_opened_by(digest_of(secret), at_ms=at_ms)


def test_a_secret_has_256_random_bits_behind_what_a_scanner_knows_it_by() -> None:
    first, second = new_secret(), new_secret()
    assert re.fullmatch(r"pm_live_[A-Za-z0-9_-]{43}", first)
    assert first != second


def test_a_key_does_not_hold_its_secret() -> None:
    secret = new_secret()
    assert secret.removeprefix("pm_live_") not in repr(a_key(secret))


def test_a_key_is_opened_by_its_secret_and_no_other() -> None:
    key = a_key("pm_live_first")
    assert opens(key, "pm_live_first")
    for other in ("", "pm_live_", "pm_live_firs", "pm_live_first ", "pm_live_First", digest_of("pm_live_first")):
        assert not opens(key, other)


def test_a_key_is_over_at_the_very_instant_it_expires() -> None:
    key = a_key(life_ms=1000)
    assert (opens(key, "pm_live_first", at_ms=AT_MS + 999), key.status(AT_MS + 999)) == (True, KeyStatus.ACTIVE)
    assert (opens(key, "pm_live_first", at_ms=AT_MS + 1000), key.status(AT_MS + 1000)) == (False, KeyStatus.EXPIRED)


def test_a_revoked_key_is_revoked_whenever_it_expires() -> None:
    key = replace(a_key(), revoked_at=timestamp(AT_MS))
    for at_ms in (AT_MS, AT_MS + 48 * HOUR_MS):
        assert (opens(key, "pm_live_first", at_ms=at_ms), key.status(at_ms)) == (False, KeyStatus.REVOKED)


def test_rotating_changes_the_secrets_and_nothing_else() -> None:
    key = replace(a_key(), last_used_at=timestamp(AT_MS), limits='{"burst":1}')
    after = rotated(key, secret="pm_live_second", overlap_seconds=60, at_ms=AT_MS)
    assert replace(after, secrets=key.secrets) == key


def test_both_secrets_open_the_key_until_the_overlap_ends() -> None:
    key = rotated(a_key(), secret="pm_live_second", overlap_seconds=60, at_ms=AT_MS)
    assert opens(key, "pm_live_first", at_ms=AT_MS + 59_999)
    assert not opens(key, "pm_live_first", at_ms=AT_MS + 60_000)
    assert opens(key, "pm_live_second", at_ms=AT_MS + 60_000)


def test_without_an_overlap_the_old_secret_is_over_at_once() -> None:
    key = rotated(a_key(), secret="pm_live_second", overlap_seconds=0, at_ms=AT_MS)
    assert (opens(key, "pm_live_first"), opens(key, "pm_live_second")) == (False, True)
    assert len(key.secrets) == 1


def test_a_second_rotation_ends_the_secret_before_the_last() -> None:
    key = rotated(a_key(), secret="pm_live_second", overlap_seconds=60, at_ms=AT_MS)
    key = rotated(key, secret="pm_live_third", overlap_seconds=60, at_ms=AT_MS)
    assert [opens(key, f"pm_live_{nth}") for nth in ("first", "second", "third")] == [False, True, True]


@pytest.mark.parametrize("ended", [replace(a_key(), revoked_at=timestamp(AT_MS)), a_key(life_ms=0)])
def test_what_has_ended_is_not_rotated(ended: ApiKey) -> None:
    with pytest.raises(ApiKeyEnded):
        rotated(ended, secret="pm_live_second", overlap_seconds=0, at_ms=AT_MS)


@given(
    st.lists(st.tuples(st.integers(0, MAX_OVERLAP_SECONDS), st.integers(0, 3 * HOUR_MS)), min_size=1, max_size=6),
    st.integers(0, 30 * HOUR_MS),
)
def test_however_it_is_rotated_at_most_two_secrets_open_a_key_and_none_once_it_expired(
    rotations: list[tuple[int, int]], later_ms: int
) -> None:
    key, at_ms = a_key("secret 0"), AT_MS
    for number, (overlap_seconds, pause_ms) in enumerate(rotations, start=1):
        at_ms += pause_ms
        key = rotated(key, secret=f"secret {number}", overlap_seconds=overlap_seconds, at_ms=at_ms)
        opening = [n for n in range(number + 1) if opens(key, f"secret {n}", at_ms=at_ms)]
        assert opening[-1] == number
        assert len(opening) <= 2
        assert all(secret.valid_until <= key.expires_at for secret in key.secrets)
    later = at_ms + later_ms
    is_over = later >= AT_MS + 24 * HOUR_MS
    assert opens(key, f"secret {len(rotations)}", at_ms=later) is not is_over
    if is_over:
        assert not any(opens(key, f"secret {n}", at_ms=later) for n in range(len(rotations) + 1))


def test_a_last_use_is_known_to_the_hour() -> None:
    assert not a_key().was_used_lately(AT_MS)
    key = replace(a_key(), last_used_at=timestamp(AT_MS))
    assert key.was_used_lately(AT_MS + LAST_USE_MS - 1)
    assert not key.was_used_lately(AT_MS + LAST_USE_MS)
