"""What the store of API keys promises, and the one in memory too, so that tests may use it in the other's place."""

from __future__ import annotations

from typing import Any

import pytest

from promptmill.clock import new_id, random_hex, timestamp
from promptmill.errors import ApiKeyEnded, ApiKeyNotFound, RequestInFlight, SubjectNotFound, Unauthenticated
from promptmill.identity.access import Role, Scope
from promptmill.identity.api_keys.model import LAST_USE_MS, make_key
from promptmill.identity.api_keys.store import new_secret
from tests.integration.key_ring import Ring, a_ring
from tests.support.builders import AT_MS
from tests.unit.identity.fakes import MemoryApiKeys, MemoryOverrides


@pytest.fixture(params=["dynamodb", "memory"])
def ring(request: pytest.FixtureRequest, dynamodb: Any, library_table: str) -> Ring:
    if request.param == "dynamodb":
        return a_ring(library_table, dynamodb)
    owner = f"usr_{random_hex(16)}"
    keys = MemoryApiKeys(owner)
    return Ring(keys, MemoryOverrides(keys), owner)


def test_a_key_is_read_as_it_was_made(ring: Ring) -> None:
    key = ring.add()
    assert ring.keys.get(key.id) == key


def test_a_key_speaks_for_its_owner_within_its_scopes_and_its_limits(ring: Ring) -> None:
    secret = new_secret()
    key = ring.add(secret, scopes=frozenset({Scope.WRITE}))
    ring.overrides.put(key.id, '{"burst":3}')
    caller = ring.keys.admit(secret, at_ms=AT_MS)
    assert (caller.owner, caller.subject, caller.plan) == (ring.owner, key.id, "key")
    assert (caller.roles, caller.scopes, caller.limits) == (
        frozenset({Role.USER}),
        frozenset({Scope.WRITE}),
        '{"burst":3}',
    )


def test_what_opens_no_key_is_refused_alike(ring: Ring) -> None:
    revoked, expired, over = (new_secret() for _ in range(3))
    ring.keys.revoke(ring.add(revoked).id, at_ms=AT_MS)
    ring.add(expired, life_ms=1000)
    ring.rotate(ring.add(over), new_secret(), overlap_seconds=1)
    for secret in (
        revoked,
        expired,
        over,
        new_secret(),
        "",
        "pm_live_",
        "pm_live_\u00e9",
        "KEY",
        "pm_live_" + "x" * 8000,
    ):
        with pytest.raises(Unauthenticated) as refusal:
            ring.keys.admit(secret, at_ms=AT_MS + 1000)
        assert refusal.value.args == Unauthenticated().args


def test_a_key_of_nobody_is_not_made(ring: Ring) -> None:
    key = make_key(
        new_id("key", AT_MS),
        "x",
        owner="usr_nobody",
        scopes=frozenset(),
        secret="s",
        expires_at_ms=AT_MS + 1,
        at_ms=AT_MS,
    )
    with pytest.raises(SubjectNotFound):
        ring.keys.add(key)
    with pytest.raises(ApiKeyNotFound):
        ring.keys.get(key.id)
    assert ring.opened_by("s") == [False]


def test_a_rotated_key_has_two_secrets_until_the_overlap_ends(ring: Ring) -> None:
    first, second = new_secret(), new_secret()
    key = ring.rotate(ring.add(first), second, overlap_seconds=60)
    assert ring.keys.get(key.id) == key
    assert ring.opened_by(first, second, at_ms=AT_MS + 59_999) == [True, True]
    assert ring.opened_by(first, second, at_ms=AT_MS + 60_000) == [False, True]


def test_rotating_again_leaves_two_secrets(ring: Ring) -> None:
    first, second, third = (new_secret() for _ in range(3))
    ring.rotate(ring.rotate(ring.add(first), second), third)
    assert ring.opened_by(first, second, third) == [False, True, True]


def test_of_two_rotations_at_once_one_is_refused_and_its_secret_opens_nothing(ring: Ring) -> None:
    key, secrets = ring.add(), (new_secret(), new_secret())
    ring.rotate(key, secrets[0])
    with pytest.raises(RequestInFlight):
        ring.rotate(key, secrets[1])
    assert ring.opened_by(*secrets) == [True, False]


def test_a_rotation_that_meets_a_revocation_does_not_undo_it(ring: Ring) -> None:
    key, secret = ring.add(), new_secret()
    ring.keys.revoke(key.id, at_ms=AT_MS)
    with pytest.raises(RequestInFlight):
        ring.rotate(key, secret)
    assert ring.opened_by(secret) == [False]
    with pytest.raises(ApiKeyEnded):
        ring.rotate(ring.keys.get(key.id), secret)


def test_revoking_ends_every_secret_at_once_and_for_good(ring: Ring) -> None:
    first, second = new_secret(), new_secret()
    key = ring.rotate(ring.add(first), second)
    ring.keys.revoke(key.id, at_ms=AT_MS + 5)
    assert ring.opened_by(first, second, at_ms=AT_MS + 5) == [False, False]
    assert ring.keys.get(key.id).revoked_at == timestamp(AT_MS + 5)


def test_revoking_twice_is_as_revoking_once(ring: Ring) -> None:
    key = ring.add()
    for at_ms in (AT_MS, AT_MS + 9):
        ring.keys.revoke(key.id, at_ms=at_ms)
    assert ring.keys.get(key.id).revoked_at == timestamp(AT_MS)


def test_a_key_nobody_made_is_not_found(ring: Ring) -> None:
    absent = new_id("key", AT_MS)
    with pytest.raises(ApiKeyNotFound):
        ring.keys.get(absent)
    with pytest.raises(ApiKeyNotFound):
        ring.keys.revoke(absent, at_ms=AT_MS)


def test_all_keys_of_a_user_are_forgotten_and_nobody_elses(ring: Ring) -> None:
    secrets = [new_secret() for _ in range(3)]
    keys = [ring.add(secret) for secret in secrets]
    ring.keys.revoke(keys[0].id, at_ms=AT_MS)
    ring.keys.forget_all(f"{ring.owner[:-1]}x")
    assert ring.opened_by(*secrets) == [False, True, True]
    for _ in range(2):
        ring.keys.forget_all(ring.owner)
        assert ring.opened_by(*secrets) == [False, False, False]
        for key in keys:
            with pytest.raises(ApiKeyNotFound):
                ring.keys.get(key.id)


def test_the_last_use_of_a_key_is_known_to_the_hour(ring: Ring) -> None:
    secret = new_secret()
    key = ring.add(secret)
    assert key.last_used_at is None
    for later_ms in (0, LAST_USE_MS - 1):
        assert ring.opened_by(secret, at_ms=AT_MS + later_ms) == [True]
        assert ring.keys.get(key.id).last_used_at == timestamp(AT_MS)
    ring.keys.admit(secret, at_ms=AT_MS + LAST_USE_MS)
    assert ring.keys.get(key.id).last_used_at == timestamp(AT_MS + LAST_USE_MS)


@pytest.mark.parametrize("subject", ["user", "key"])
def test_limits_are_replaced_whole_and_taken_back(ring: Ring, subject: str) -> None:
    subject = ring.owner if subject == "user" else ring.add().id
    assert ring.overrides.get(subject) == ""
    for limits in ('{"burst":1}', '{"daily_usd":"2.50"}'):
        ring.overrides.put(subject, limits)
        assert ring.overrides.get(subject) == limits
    for _ in range(2):
        ring.overrides.remove(subject)
        assert ring.overrides.get(subject) == ""


@pytest.mark.parametrize("subject", [f"usr_{'0' * 32}", new_id("key", AT_MS), "usr_", "key_"])
def test_nobody_has_no_limits(ring: Ring, subject: str) -> None:
    for act in (
        lambda: ring.overrides.get(subject),
        lambda: ring.overrides.put(subject, "{}"),
        lambda: ring.overrides.remove(subject),
    ):
        with pytest.raises(SubjectNotFound):
            act()
