from __future__ import annotations

import pytest
from hypothesis import settings as hypothesis_settings

hypothesis_settings.register_profile("any machine", deadline=None)
hypothesis_settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def _offline(socket_disabled: None) -> None:
    """No test here needs a network."""
