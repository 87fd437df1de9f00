"""A key nobody was given opens nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from promptmill.clock import random_hex
from promptmill.identity.api_keys.model import KEY_PREFIX
from tests.support.api import Api, new_address

if TYPE_CHECKING:
    from local.stack import Stack


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/job_01J9ZQ4T7H6Y5X3W2V1R0P8N7M"])
def test_a_key_that_nobody_was_given_is_refused_where_signing_in_is_a_must_and_where_not(
    stack: Stack, path: str
) -> None:
    with Api(stack, new_address(), token=KEY_PREFIX + random_hex(32)) as api:
        answer = api.http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
