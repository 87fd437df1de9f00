"""Records who signed in at the user pool, and refuses who left. Called by Cognito after every sign-in."""

from typing import Any

from promptmill.clock import now_ms
from promptmill.errors import BrokenContractError, StoreUnavailable
from promptmill.identity.users.model import sign_in_of
from promptmill.identity.users.store import UserStore, user_store
from promptmill.step_log import log_given_up


def lambda_handler(event: dict[str, Any], context: object, *, users: UserStore | None = None) -> dict[str, Any]:
    sign_in = sign_in_of(event)
    try:
        # Cognito waits five seconds, which have to do for a cold start too:
        # https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-identity-pools-working-with-aws-lambda-triggers.html
        (users or user_store(attempts=1)).record(sign_in, at_ms=now_ms())
    except (StoreUnavailable, BrokenContractError) as error:
        # An error would undo the sign-in, and the record appears with the first request too.
        log_given_up("RecordSignIn", error, user=sign_in.user_id)
    return event
