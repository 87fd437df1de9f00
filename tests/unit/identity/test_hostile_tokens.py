"""Nobody comes in with a token that is not good, and nobody learns what was wrong with it."""

from __future__ import annotations

import pytest

from promptmill.errors import Unauthenticated
from promptmill.identity.tokens import TokenVerifier
from tests.unit.identity.forging import Forge
from tests.unit.identity.hostile import HOSTILE
from tests.unit.identity.issuing import NOW, World

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
