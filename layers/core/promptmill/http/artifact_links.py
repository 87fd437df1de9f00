"""The store that links in job answers lead into, imported when the first one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptmill.artifacts.store import ArtifactStore


def stored_artifacts() -> ArtifactStore:
    """This process's store."""
    from promptmill.artifacts.store import artifact_store

    return artifact_store()
