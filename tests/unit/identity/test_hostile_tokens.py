"""Nobody comes in with a token that is not good, and nobody learns what was wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from promptmill.errors import Unauthenticated
from promptmill.identity.key_set import KeySet
from promptmill.identity.tokens import TokenVerifier
from tests.unit.identity.forging import Forge, salted, sha384
from tests.unit.identity.hostile import HOSTILE
from tests.unit.identity.issuing import CLERK, NOW, World, der, hs256

ROWS = [
    pytest.param(forge, id=f"{subject}: {fault}")
    for subject, faults in HOSTILE.items()
    for fault, forge in faults.items()
]


@pytest.mark.parametrize("forge", ROWS)
def test_a_token_that_is_not_good_is_refused_without_a_reason(
    forge: Forge, world: World, verifier: TokenVerifier
) -> None:
    with pytest.raises(Unauthenticated) as refused:
        verifier.verify(forge(world), at_seconds=NOW)
    assert refused.value.detail == Unauthenticated().detail
    assert refused.value.__cause__ is None


class AnyAlgorithm(KeySet):
    """A key set that has its key for whatever algorithm a token names."""

    key: Any

    def find(self, key_id: str, algorithm: str) -> Any:
        return self.key


def test_no_other_algorithm_is_tried_even_where_there_is_a_key_for_it(world: World) -> None:
    keys = AnyAlgorithm(CLERK.keys_url, lambda _: b"")
    verifier = TokenVerifier({CLERK.url: CLERK}, {CLERK.url: keys}, {})
    keys.key = world.clerk_rsa.public_key()
    assert verifier.verify(world.clerk(), at_seconds=NOW)
    forged = [world.clerk({"alg": "RS384"}, sign=sha384(world)), world.clerk({"alg": "PS256"}, sign=salted(world))]
    for token in forged:
        with pytest.raises(Unauthenticated):
            verifier.verify(token, at_seconds=NOW)
    keys.key = der(world.clerk_rsa)
    with pytest.raises(Unauthenticated):
        verifier.verify(world.clerk({"alg": "HS256"}, sign=hs256(keys.key)), at_seconds=NOW)
