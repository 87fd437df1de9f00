"""The cases of the collected tests, running side by side from the first moment one is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.workflows.cases import CASES, Runs, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack


@pytest.fixture(scope="session")
def runs(stack: Stack) -> Iterator[Runs]:
    with Runs(World(stack), list(CASES.values())) as all_runs:
        yield all_runs
