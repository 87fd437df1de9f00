from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis_settings

from promptmill.jobs.store import JobStore
from tests.unit.jobs.fakes import MemoryJobStore

if TYPE_CHECKING:
    from collections.abc import Iterator


hypothesis_settings.register_profile("any machine", deadline=None)
hypothesis_settings.load_profile("any machine")


@pytest.fixture(scope="module", params=["memory", "dynamodb"])
def jobs(request: pytest.FixtureRequest) -> Iterator[JobStore]:
    """The store in memory, then the real one on moto: what holds on one holds on the other."""
    if request.param == "memory":
        yield MemoryJobStore()
        return
    from moto import mock_aws

    from tests.integration.tables import client, make_table

    with mock_aws():
        dynamodb = client("dynamodb")
        yield JobStore(make_table(dynamodb, "JobsTable"), dynamodb)


@pytest.fixture(autouse=True)
def _offline(socket_disabled: None) -> None:
    """No test here needs a network."""
