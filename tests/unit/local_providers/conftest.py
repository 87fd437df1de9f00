from collections.abc import Iterator
from contextlib import closing

import pytest

from local.providers.routes import Routes, Settings
from local.providers.server import StandInServer
from tests.unit.local_providers.fake_ministack import FakeMiniStack
from tests.unit.local_providers.serving import in_background
from tests.unit.local_providers.stack import Stack, loopback_client


@pytest.fixture(autouse=True)
def _loopback(socket_enabled: None) -> None:
    """Allow sockets: these are tests of servers, on the loopback address only."""


@pytest.fixture
def stack() -> Iterator[Stack]:
    with FakeMiniStack() as ministack:
        server = StandInServer(0, Routes(Settings(ministack.url)))
        ministack.behaviour.proxy_url = f"http://127.0.0.1:{server.port}/behind-bedrock"
        url = f"http://127.0.0.1:{server.port}"
        running = Stack(server.port, loopback_client(url), ministack.behaviour)
        with in_background(server), closing(running):
            yield running
