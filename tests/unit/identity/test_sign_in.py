"""What Cognito says of a sign-in, and what the post authentication trigger does with it."""

from __future__ import annotations

import copy
import logging

import pytest

from functions.record_sign_in.app import lambda_handler
from promptmill.errors import BrokenContractError, StoreUnavailable, Unauthenticated
from promptmill.identity.users.model import sign_in_of, user_id
from tests.unit.identity.users import MemoryUsers, a_cognito_event

POOL_ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_aB3dE5fG7"
SUBJECT = "7c4a8d09-ca37-42af-91b2-4b6d1f0e8a53"


def test_a_sign_in_is_the_user_that_the_pools_tokens_name() -> None:
    sign_in = sign_in_of(a_cognito_event())
    assert (sign_in.issuer, sign_in.subject) == (POOL_ISSUER, SUBJECT)
    assert sign_in.user_id == user_id(POOL_ISSUER, SUBJECT)
    assert (sign_in.email, sign_in.username) == ("ada@example.com", SUBJECT)


@pytest.mark.parametrize("verified", ["false", "", "True", None])
def test_an_address_counts_when_it_is_verified(verified: str | None) -> None:
    assert sign_in_of(a_cognito_event(email_verified=verified)).email is None


def test_a_person_may_have_no_address() -> None:
    assert sign_in_of(a_cognito_event(email=None)).email is None


def test_the_trigger_records_the_user_and_changes_nothing_of_the_event() -> None:
    users, event = MemoryUsers(), a_cognito_event()
    assert lambda_handler(copy.deepcopy(event), None, users=users) == event
    assert list(users.users) == [sign_in_of(event).user_id]


@pytest.mark.parametrize("error", [StoreUnavailable("it hangs"), BrokenContractError("no permission")])
def test_a_store_that_falters_does_not_undo_a_sign_in(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    event = a_cognito_event()
    with caplog.at_level(logging.WARNING):
        assert lambda_handler(copy.deepcopy(event), None, users=MemoryUsers(error)) == event
    (line,) = caplog.records
    facts = {name: vars(line)[name] for name in ("work", "error", "user_id")}
    assert facts == {"work": "RecordSignIn", "error": type(error).__name__, "user_id": sign_in_of(event).user_id}
    assert "ada@example.com" not in str(vars(line))


def test_who_left_is_not_let_in() -> None:
    users, event = MemoryUsers(), a_cognito_event()
    users.left.add(sign_in_of(event).user_id)
    with pytest.raises(Unauthenticated):
        lambda_handler(event, None, users=users)
