"""Users in DynamoDB, and in the memory that other tests use in its place: both keep the same promises."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import Stubber

from promptmill.clock import timestamp
from promptmill.errors import BrokenContractError, StoreUnavailable, Unauthenticated
from promptmill.identity.access import Role
from promptmill.identity.tokens import Identity
from promptmill.identity.users.model import SignIn, sign_in_of
from promptmill.identity.users.store import UserStore, key
from tests.integration.tables import client, make_table
from tests.support.builders import AT, AT_MS
from tests.unit.identity.users import MemoryUsers, a_cognito_event, a_sign_in

LATER_MS = AT_MS + 60_000
_numbers = itertools.count(1)


class DynamoUsers(UserStore):
    """The real store, with what other parts of the product write to a user."""

    def __init__(self, table: str, dynamodb: Any) -> None:
        super().__init__(table, dynamodb)
        self.table, self.dynamodb = table, dynamodb

    def item(self, user_id: str) -> dict[str, Any] | None:
        item: dict[str, Any] | None = self.dynamodb.get_item(TableName=self.table, Key=key(user_id)).get("Item")
        return item

    def set(self, user_id: str, name: str, value: str) -> None:
        self.dynamodb.update_item(
            TableName=self.table,
            Key=key(user_id),
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": {"S": value}},
        )


@pytest.fixture(scope="module")
def dynamo_users(dynamodb: Any) -> DynamoUsers:
    return DynamoUsers(make_table(dynamodb, "LibraryTable"), dynamodb)


@pytest.fixture(params=["dynamodb", "memory"])
def users(request: pytest.FixtureRequest, dynamo_users: DynamoUsers) -> UserStore:
    return dynamo_users if request.param == "dynamodb" else MemoryUsers()


def leave(users: UserStore, user_id: str) -> None:
    if isinstance(users, DynamoUsers):
        users.set(user_id, "deleted_at", AT)
    elif isinstance(users, MemoryUsers):
        users.left.add(user_id)


def somebody(**fields: Any) -> SignIn:
    """A sign-in of a person whom no store knows."""
    return a_sign_in(f"person-{next(_numbers)}", **fields)


def test_the_first_sign_in_makes_the_user(users: UserStore) -> None:
    sign_in = somebody()
    user = users.record(sign_in, at_ms=AT_MS)
    assert user == users.get(sign_in.user_id)
    assert (user.id, user.issuer, user.subject) == (sign_in.user_id, sign_in.issuer, sign_in.subject)
    assert (user.email, user.username) == (sign_in.email, sign_in.username)
    assert (user.created_at, user.seen_at) == (AT, AT)
    assert (user.display_name, user.limits) == (None, "")


def test_a_later_one_is_seen_and_keeps_the_beginning_and_the_name(users: UserStore) -> None:
    sign_in = somebody()
    users.record(sign_in, at_ms=AT_MS)
    users.rename(sign_in.user_id, "Ada")
    user = users.record(sign_in, at_ms=LATER_MS)
    assert (user.created_at, user.seen_at, user.display_name) == (AT, timestamp(LATER_MS), "Ada")


def test_a_sign_in_that_says_less_takes_nothing_away(users: UserStore) -> None:
    sign_in = somebody()
    before = users.record(sign_in, at_ms=AT_MS)
    assert users.record(SignIn(sign_in.issuer, sign_in.subject), at_ms=AT_MS) == before


def test_another_verified_address_takes_the_place_of_the_old_one(users: UserStore) -> None:
    sign_in = somebody()
    users.record(sign_in, at_ms=AT_MS)
    moved = SignIn(sign_in.issuer, sign_in.subject, "new@example.com", sign_in.username)
    assert users.record(moved, at_ms=AT_MS).email == "new@example.com"


def test_the_same_subject_of_another_issuer_is_another_user(users: UserStore) -> None:
    sign_in = somebody()
    other = SignIn("https://other.example", sign_in.subject)
    users.record(sign_in, at_ms=AT_MS)
    users.record(other, at_ms=LATER_MS)
    assert users.get(sign_in.user_id).seen_at == AT


def test_a_name_is_given_and_taken_away(users: UserStore) -> None:
    user = users.record(somebody(), at_ms=AT_MS)
    assert users.rename(user.id, "Ada").display_name == users.get(user.id).display_name == "Ada"
    assert users.rename(user.id, None) == users.get(user.id) == user
    assert users.rename(user.id, None) == user


def test_who_left_does_not_come_back(users: UserStore) -> None:
    sign_in = somebody()
    users.record(sign_in, at_ms=AT_MS)
    leave(users, sign_in.user_id)
    attempts: list[Callable[[], object]] = [
        lambda: users.record(sign_in, at_ms=LATER_MS),
        lambda: users.get(sign_in.user_id),
        lambda: users.rename(sign_in.user_id, "A ghost"),
        lambda: users.rename(sign_in.user_id, None),
    ]
    for attempt in attempts:
        with pytest.raises(Unauthenticated):
            attempt()


def test_who_never_signed_in_is_nobody_and_is_not_made_by_a_name(users: UserStore) -> None:
    stranger = somebody().user_id
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            users.rename(stranger, "Mallory")
    with pytest.raises(Unauthenticated):
        users.get(stranger)


def test_refusing_who_left_writes_nothing(dynamo_users: DynamoUsers) -> None:
    sign_in = somebody()
    dynamo_users.record(sign_in, at_ms=AT_MS)
    leave(dynamo_users, sign_in.user_id)
    before = dynamo_users.item(sign_in.user_id)
    attempts: list[Callable[[], object]] = [
        lambda: dynamo_users.record(sign_in, at_ms=LATER_MS),
        lambda: dynamo_users.rename(sign_in.user_id, "A ghost"),
    ]
    for attempt in attempts:
        with pytest.raises(Unauthenticated):
            attempt()
    assert dynamo_users.item(sign_in.user_id) == before


def an_identity(sign_in: SignIn, *roles: Role) -> Identity:
    return Identity(sign_in.issuer, sign_in.subject, frozenset(roles), AT_MS // 1000, sign_in.email, sign_in.username)


def test_an_identity_is_admitted_as_its_user_with_the_tokens_roles(users: UserStore) -> None:
    sign_in = somebody()
    caller = users.admit(an_identity(sign_in, Role.USER, Role.OPERATOR), at_ms=AT_MS)
    assert (caller.owner, caller.plan, caller.key) == (sign_in.user_id, "user", None)
    assert caller.roles == {Role.USER, Role.OPERATOR}
    assert caller.limits == ""


def test_what_an_admin_set_comes_with_the_caller_and_stays(dynamo_users: DynamoUsers) -> None:
    sign_in = somebody()
    dynamo_users.record(sign_in, at_ms=AT_MS)
    dynamo_users.set(sign_in.user_id, "limits", '{"rate_limit": 1}')
    assert dynamo_users.admit(an_identity(sign_in, Role.USER), at_ms=LATER_MS).limits == '{"rate_limit": 1}'
    assert dynamo_users.get(sign_in.user_id).limits == '{"rate_limit": 1}'


def test_trigger_and_first_request_make_the_same_item_whichever_comes_first(dynamo_users: DynamoUsers) -> None:
    items = []
    for trigger_first in (True, False):
        event = a_cognito_event(sub=f"person-{trigger_first}")
        sign_in = sign_in_of(event)
        identity = an_identity(sign_in, Role.USER)
        if trigger_first:
            dynamo_users.record(sign_in, at_ms=AT_MS)
            dynamo_users.admit(identity, at_ms=LATER_MS)
        else:
            dynamo_users.admit(identity, at_ms=AT_MS)
            dynamo_users.record(sign_in, at_ms=LATER_MS)
        item = dynamo_users.item(sign_in.user_id)
        assert item is not None
        items.append({name: value for name, value in item.items() if name not in {"pk", "subject"}})
    assert items[0] == items[1]
    assert items[0].keys() == {"sk", "issuer", "created_at", "seen_at", "email", "username"}


def test_admitting_is_one_write_and_no_read(dynamo_users: DynamoUsers) -> None:
    calls: list[str] = []
    counting = client("dynamodb")
    counting.meta.events.register("before-call", lambda model, **_: calls.append(model.name))
    UserStore(dynamo_users.table, counting).admit(an_identity(somebody(), Role.USER), at_ms=AT_MS)
    assert calls == ["UpdateItem"]


@pytest.mark.parametrize(
    ("code", "error"),
    [("ThrottlingException", StoreUnavailable), ("AccessDeniedException", BrokenContractError)],
)
def test_a_store_that_does_not_answer_as_it_should_says_so(code: str, error: type[Exception]) -> None:
    dynamodb = client("dynamodb")
    users = UserStore("LibraryTable", dynamodb)
    sign_in = somebody()
    calls: list[tuple[str, Callable[[], object]]] = [
        ("update_item", lambda: users.record(sign_in, at_ms=AT_MS)),
        ("get_item", lambda: users.get(sign_in.user_id)),
        ("update_item", lambda: users.rename(sign_in.user_id, "Ada")),
    ]
    for operation, call in calls:
        with Stubber(dynamodb) as stub:
            stub.add_client_error(operation, code)
            with pytest.raises(error):
                call()
