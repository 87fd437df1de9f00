from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from promptmill.providers.bedrock import BedrockProvider
from promptmill.providers.flux import FluxProvider
from tests.support.loopback import Loopback
from tests.unit.providers.bedrock_wire import a_bedrock_client
from tests.unit.providers.flux_wire import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[Loopback]:
    with Loopback() as loopback:
        yield loopback


@pytest.fixture(scope="module")
def client(server: Loopback) -> Iterator[Any]:
    made = a_bedrock_client(server.url)
    yield made
    made.close()


@pytest.fixture
def bedrock(client: Any) -> BedrockProvider:
    return BedrockProvider(client)


@pytest.fixture
def flux(server: Loopback) -> FluxProvider:
    return FluxProvider(f"{server.url}/v1", lambda: KEY)
