"""AWS in this process: moto answers, no socket is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings as hypothesis_settings
from moto import mock_aws

from promptmill.clock import random_hex
from promptmill.events.webhooks.endpoints.store import EndpointStore
from promptmill.jobs.store import JobStore
from tests.integration.tables import client, make_table
from tests.unit.jobs.fakes import MemoryJobStore

if TYPE_CHECKING:
    from collections.abc import Iterator


hypothesis_settings.register_profile("any machine", deadline=None)
hypothesis_settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def _offline(socket_disabled: None) -> None:
    """What moto does not answer fails at once."""


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture(scope="module")
def dynamodb(aws: None) -> Any:
    return client("dynamodb")


@pytest.fixture(scope="module")
def jobs_table(dynamodb: Any) -> str:
    return make_table(dynamodb, "JobsTable")


@pytest.fixture(scope="module")
def control_table(dynamodb: Any) -> str:
    return make_table(dynamodb, "ControlTable")


@pytest.fixture(scope="module")
def library_table(dynamodb: Any) -> str:
    return make_table(dynamodb, "LibraryTable")


@pytest.fixture
def webhooks_table(dynamodb: Any) -> str:
    """A table of the test's own: the events of everybody are one item."""
    return make_table(dynamodb, "WebhooksTable", f"webhooks-{random_hex(8)}")


@pytest.fixture
def stored_endpoints(dynamodb: Any, webhooks_table: str) -> EndpointStore:
    return EndpointStore(webhooks_table, dynamodb)


@pytest.fixture(scope="module")
def dynamodb_store(dynamodb: Any, jobs_table: str) -> JobStore:
    return JobStore(jobs_table, dynamodb)


@pytest.fixture(scope="module", params=["dynamodb", "memory"])
def jobs(request: pytest.FixtureRequest, dynamodb_store: JobStore) -> JobStore:
    """The store, and the one in memory that other tests use in its place: both keep the same promises."""
    return dynamodb_store if request.param == "dynamodb" else MemoryJobStore()
