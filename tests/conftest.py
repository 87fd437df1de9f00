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
# pytest's options that leave tests out.
CHOOSING = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What looks back on the run comes last, and means something only when everything ran."""
    looking_back = [item for item in items if item.get_closest_marker("looks_back")]
    items[:] = [item for item in items if item not in looking_back] + looking_back
    chosen = any(getattr(config.option, name, None) for name in CHOOSING)
    if chosen or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        for item in looking_back:
            item.add_marker(pytest.mark.skip(reason="looks back on a run of all tests"))


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    folder, parameters = ROOT / ".local" / "test", {"UserLimits": USER_LIMITS}
    with running(folder, wait_scale=WAIT_SCALE, parameters=parameters, notes_decisions=True) as local_stack:
        yield local_stack


@pytest.fixture
def api(stack: Stack) -> Iterator[Api]:
    """The API as one caller sees it who has never called before."""
    with Api(stack, new_address()) as caller:
        yield caller
