"""What the tests over HTTP share: callers, a view of everything stored, and the stand-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.api import Api, new_address
from tests.support.stand_ins import StandIns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack


@pytest.fixture
def other_api(stack: Stack) -> Iterator[Api]:
    """Another caller."""
    with Api(stack, new_address()) as caller:
        yield caller


@pytest.fixture
def stand_ins(stack: Stack) -> Iterator[StandIns]:
    providers = StandIns(stack)
    yield providers
    providers.close()
