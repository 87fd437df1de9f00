"""One local stack per run, shared by every test that needs one; unit and integration tests never start it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.stack import ROOT, Stack, running
from tests.support.api import Api, new_address

# Retry pauses of the workflow at a twentieth of their length.
WAIT_SCALE = "0.05"
# A burst that tests can spend quickly, and jobs at a time that they do not spend by chance.
USER_LIMITS = "requests_per_minute=10,burst=10,concurrent_jobs=50,images_per_day=100,daily_usd=2.00"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with running(
        ROOT / ".local" / "test", wait_scale=WAIT_SCALE, parameters={"UserLimits": USER_LIMITS}
    ) as local_stack:
        yield local_stack


@pytest.fixture
def api(stack: Stack) -> Iterator[Api]:
    """The API as one caller sees it who has never called before."""
    with Api(stack, new_address()) as caller:
        yield caller
