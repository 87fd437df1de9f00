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
from tests.integration.webhook_world import World
from tests.support.receiver import Receiver
from tests.unit.jobs.fakes import MemoryJobStore
from tests.unit.webhooks.fakes import MemoryEndpoints

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


@pytest.fixture(params=["dynamodb", "memory"])
def endpoints(request: pytest.FixtureRequest) -> EndpointStore:
    """The real store of webhooks, and the one in memory, one after the other."""
    store: EndpointStore = (
        request.getfixturevalue("stored_endpoints") if request.param == "dynamodb" else MemoryEndpoints()
    )
    return store


@pytest.fixture(scope="module")
def dynamodb_store(dynamodb: Any, jobs_table: str) -> JobStore:
    return JobStore(jobs_table, dynamodb)


@pytest.fixture(scope="module", params=["dynamodb", "memory"])
def jobs(request: pytest.FixtureRequest, dynamodb_store: JobStore) -> JobStore:
    """The store, and the one in memory that other tests use in its place: both keep the same promises."""
    return dynamodb_store if request.param == "dynamodb" else MemoryJobStore()


@pytest.fixture
def receiver(socket_enabled: None, tmp_path: Path) -> Iterator[Receiver]:
    """A subscriber's server, on this machine."""
    with Receiver(tmp_path) as found:
        yield found


@pytest.fixture
def webhooks(dynamodb: Any, receiver: Receiver) -> Iterator[World]:
    """Webhooks, and all who work on them, with a table of their own."""
    table = make_table(dynamodb, "WebhooksTable", name="webhooks-of-one-test")
    yield World(table, receiver.authority)
    dynamodb.delete_table(TableName=table)
