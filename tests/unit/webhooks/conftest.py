from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from local.certificates import keep_certificates
from promptmill.events.webhooks.gateway import WebhookSender
from tests.support.receiver import Receiver

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

NAME = "hooks.example.com"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificates of an authority, and of a server for this machine and ``NAME``."""
    folder = tmp_path_factory.mktemp("certificates")
    keep_certificates(folder, NAME)
    return folder


@pytest.fixture(scope="session")
def authority(certificates: Path) -> str:
    return str(keep_certificates(certificates))


@pytest.fixture
def sender(authority: str) -> WebhookSender:
    return WebhookSender(loopback_ca=authority)


@pytest.fixture
def receiver(certificates: Path) -> Iterator[Receiver]:
    with Receiver(certificates) as server:
        yield server
