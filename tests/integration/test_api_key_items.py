"""API keys in DynamoDB: what each call costs, what is written, when it is deleted, and what a crash leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from promptmill.clock import new_id, timestamp
from promptmill.errors import RequestInFlight, StoreUnavailable, SubjectNotFound
from promptmill.identity.api_keys.model import KEEP_ENDED_SECONDS, ApiKey
from promptmill.identity.api_keys.records import key_of, secret_key
from promptmill.identity.api_keys.store import ApiKeyStore, new_secret
from promptmill.identity.users.store import key as user_key
from tests.integration.key_ring import DAY_MS, Ring, a_ring
from tests.integration.meddled import Meddled
from tests.integration.tables import REGION, make_table
from tests.support.builders import AT_MS
from tests.unit.identity.fakes import MemoryApiKeys


@dataclass(frozen=True)
class Stored:
    """A ring over DynamoDB whose calls are counted, and may be cut."""

    ring: Ring
    calls: list[str]
    cuts: dict[str, int]
    items: Callable[[], list[dict[str, Any]]]


class Crash(BaseException):
    """The process is gone: nothing of ours catches it."""


@pytest.fixture
def stored(dynamodb: Any, library_table: str) -> Stored:
    calls: list[str] = []
    cuts: dict[str, int] = {}
    session = botocore.session.Session()

    def before(**event: Any) -> None:
        calls.append(event["model"].name)
        if cuts.get("before") == len(calls):
            raise Crash

    def after(**_: Any) -> None:
        if cuts.get("after") == len(calls):
            raise Crash

    session.register("before-call.dynamodb", before)
    session.register("after-call.dynamodb", after)
    watched = session.create_client(
        "dynamodb", region_name=REGION, aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    ring = a_ring(library_table, watched)
    calls.clear()

    def items() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = dynamodb.scan(TableName=library_table)["Items"]
        return found

    return Stored(ring, calls, cuts, items)


def test_refusing_takes_the_same_calls_whatever_is_wrong_with_a_secret(stored: Stored) -> None:
    ring, calls = stored.ring, stored.calls
    revoked, expired, over = (new_secret() for _ in range(3))
    ring.keys.revoke(ring.add(revoked).id, at_ms=AT_MS)
    ring.add(expired, life_ms=1000)
    ring.rotate(ring.add(over), new_secret(), overlap_seconds=1)
    for secret in (revoked, expired, over, new_secret(), "", "pm_live_", "pm_live_\u00e9"):
        calls.clear()
        assert ring.opened_by(secret, at_ms=AT_MS + 1000) == [False]
        assert calls == ["GetItem", "GetItem"]


def test_a_key_in_use_is_read_twice_and_written_once_an_hour(stored: Stored) -> None:
    secret = new_secret()
    stored.ring.add(secret)
    stored.calls.clear()
    for _ in range(3):
        assert stored.ring.opened_by(secret) == [True]
    assert stored.calls == ["GetItem", "GetItem", "UpdateItem", "GetItem", "GetItem", "GetItem", "GetItem"]


def test_of_two_who_note_a_use_at_once_the_later_in_time_is_kept(stored: Stored) -> None:
    key = stored.ring.add()
    stored.ring.keys._note_use(key.id, AT_MS + 9)
    stored.ring.keys._note_use(key.id, AT_MS)
    assert stored.ring.keys.get(key.id).last_used_at == timestamp(AT_MS + 9)


def test_a_use_of_a_key_that_is_gone_leaves_nothing(stored: Stored) -> None:
    absent = new_id("key", AT_MS)
    stored.ring.keys._note_use(absent, AT_MS)
    assert absent not in json.dumps(stored.items())


def test_a_use_that_cannot_be_noted_is_no_reason_to_refuse(stored: Stored) -> None:
    secret = new_secret()
    key = stored.ring.add(secret)
    unwritable = ApiKeyStore(stored.ring.keys._table, _Unwritable(stored.ring.keys._client))
    assert unwritable.admit(secret, at_ms=AT_MS).key == key.id
    with pytest.raises(StoreUnavailable):
        unwritable._note_use(key.id, AT_MS)


class _Unwritable:
    """A client of a table that has no capacity left for writes."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def update_item(self, **_request: Any) -> Any:
        raise ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "UpdateItem")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_a_secret_is_in_no_item(stored: Stored) -> None:
    first, second = new_secret(), new_secret()
    stored.ring.rotate(stored.ring.add(first), second)
    text = json.dumps(stored.items())
    assert first.removeprefix("pm_live_") not in text
    assert second.removeprefix("pm_live_") not in text


def deletion_of(stored: Stored, key: ApiKey) -> dict[str, int]:
    """When DynamoDB deletes each item of a key, in seconds from now."""
    return {
        item["sk"]["S"] if item["sk"]["S"] != "SECRET" else item["pk"]["S"]: int(item["expires_at"]["N"])
        - AT_MS // 1000
        for item in stored.items()
        if key.id in (item.get("key_id", {}).get("S"), item["pk"]["S"][4:], item["sk"]["S"][4:])
    }


def test_what_ended_is_deleted_ninety_days_later(stored: Stored) -> None:
    key = stored.ring.add(life_ms=30 * DAY_MS)
    (secret,) = key.secrets
    whole = 30 * 86_400 + KEEP_ENDED_SECONDS
    owned = f"KEY#{key.id}"
    assert deletion_of(stored, key) == {"KEY": whole, owned: whole, f"SECRET#{secret.digest}": whole}
    key = stored.ring.rotate(key, new_secret(), overlap_seconds=60)
    assert deletion_of(stored, key) == {
        "KEY": whole,
        owned: whole,
        f"SECRET#{secret.digest}": 60 + KEEP_ENDED_SECONDS,
        f"SECRET#{key.secrets[0].digest}": whole,
    }
    key = stored.ring.rotate(key, new_secret(), overlap_seconds=0)
    assert deletion_of(stored, key) == {"KEY": whole, owned: whole, f"SECRET#{key.secrets[0].digest}": whole}
    for later_ms in (0, DAY_MS):
        stored.ring.keys.revoke(key.id, at_ms=AT_MS + later_ms)
        assert deletion_of(stored, key) == {"KEY": KEEP_ENDED_SECONDS, owned: KEEP_ENDED_SECONDS}


def test_a_use_does_not_put_off_the_deletion_of_what_was_revoked(stored: Stored) -> None:
    key = stored.ring.add()
    stored.ring.keys.revoke(key.id, at_ms=AT_MS)
    stored.ring.keys._note_use(key.id, AT_MS)
    assert deletion_of(stored, key)["KEY"] == KEEP_ENDED_SECONDS


def test_a_key_of_a_user_who_left_is_not_made(stored: Stored, dynamodb: Any, library_table: str) -> None:
    dynamodb.update_item(
        TableName=library_table,
        Key=user_key(stored.ring.owner),
        UpdateExpression="SET deleted_at = :at",
        ExpressionAttributeValues={":at": {"S": timestamp(AT_MS)}},
    )
    with pytest.raises(SubjectNotFound):
        stored.ring.add()
    with pytest.raises(SubjectNotFound):
        stored.ring.overrides.put(stored.ring.owner, "{}")
    with pytest.raises(SubjectNotFound):
        stored.ring.overrides.get(stored.ring.owner)


@pytest.mark.parametrize("side", ["before", "after"])
def test_forgetting_all_goes_on_where_it_was_killed_and_leaves_no_item(stored: Stored, side: str) -> None:
    before = stored.items()
    # A query, then a read and a transaction for each of three keys.
    for call in range(1, 8):
        stored.ring.add()
        stored.ring.rotate(stored.ring.add(), new_secret())
        stored.ring.keys.revoke(stored.ring.add().id, at_ms=AT_MS)
        stored.calls.clear()
        stored.cuts[side] = call
        with pytest.raises(Crash):
            stored.ring.keys.forget_all(stored.ring.owner)
        stored.cuts.clear()
        stored.ring.keys.forget_all(stored.ring.owner)
        assert stored.items() == before


def test_what_leads_to_a_key_that_expired_from_the_table_is_forgotten_too(
    stored: Stored, dynamodb: Any, library_table: str
) -> None:
    before = stored.items()
    key = stored.ring.add()
    (secret,) = key.secrets
    for gone in (key_of(key.id), secret_key(secret.digest)):
        dynamodb.delete_item(TableName=library_table, Key=gone)
    stored.ring.keys.forget_all(stored.ring.owner)
    assert stored.items() == before


def test_a_key_that_is_rotated_while_it_is_forgotten_is_tried_again_and_leaves_no_secret(stored: Stored) -> None:
    before = stored.items()
    key = stored.ring.add()
    meddled = Meddled(stored.ring.keys._client, lambda: stored.ring.rotate(key, new_secret()))
    keys = ApiKeyStore(stored.ring.keys._table, meddled)
    with pytest.raises(RequestInFlight):
        keys.forget_all(stored.ring.owner)
    stored.ring.keys.forget_all(stored.ring.owner)
    assert stored.items() == before


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_rotation_that_is_killed_has_happened_wholly_or_not_at_all(stored: Stored, side: str) -> None:
    first, second, third = (new_secret() for _ in range(3))
    key = stored.ring.add(first)
    stored.calls.clear()
    stored.cuts[side] = 1
    with pytest.raises(Crash):
        stored.ring.rotate(key, second)
    stored.cuts.clear()
    assert stored.ring.opened_by(first, second) == [True, side == "after"]
    stored.ring.rotate(stored.ring.keys.get(key.id), third, overlap_seconds=0)
    assert stored.ring.opened_by(first, second, third) == [False, False, True]


def test_more_keys_than_a_page_of_dynamodb_has_are_all_forgotten(stored: Stored) -> None:
    """DynamoDB ends a page at 1 MB; here, every entry is a page."""
    before = stored.items()
    for _ in range(3):
        stored.ring.add()
    pages = _PageOfOne(stored.ring.keys._client)
    ApiKeyStore(stored.ring.keys._table, pages).forget_all(stored.ring.owner)
    assert stored.items() == before


class _PageOfOne:
    """A client whose queries give one entry at a time."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def query(self, **request: Any) -> Any:
        return self._client.query(**request, Limit=1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def walked(keys: ApiKeyStore, limit: int) -> list[ApiKey]:
    found: list[ApiKey] = []
    page = keys.page(limit=limit)
    while page.position is not None:
        assert len(page.entries) == limit
        found += page.entries
        page = keys.page(limit=limit, after=page.position)
    return [*found, *page.entries]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_keys_are_listed_whole_once_each_and_newest_first(dynamodb: Any, limit: int) -> None:
    ring = a_ring(make_table(dynamodb, "LibraryTable", f"keys-by-{limit}"), dynamodb)
    memory = MemoryApiKeys(ring.owner)
    for number in range(4):
        memory.add(ring.add(at_ms=AT_MS + number))
    first = min(memory.keys.values(), key=lambda key: key.id)
    memory.keys[first.id] = ring.rotate(first, new_secret())
    newest = max(memory.keys)
    for keys in (ring.keys, memory):
        keys.revoke(newest, at_ms=AT_MS)
    assert walked(ring.keys, limit) == walked(memory, limit)
    assert [key.id for key in walked(ring.keys, limit)] == sorted(memory.keys, reverse=True)
