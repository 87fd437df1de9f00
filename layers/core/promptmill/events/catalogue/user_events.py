"""The events of users."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from promptmill.events.catalogue.model import Event, Instant, Metadata, Model, User, example_of_a_user
from promptmill.events.names import EventName


class DeletionMetadata(Metadata):
    occurred_at: Annotated[Instant, Field(description="RFC 3339, UTC: when the user was refused for the first time.")]
    owner: Annotated[User, Field(description="The user who left.")]


class DeletionFacts(Model):
    """Nothing yet."""


class UserDeleted(Event):
    """A user left, and nothing of theirs is stored any more."""

    metadata: DeletionMetadata
    data: DeletionFacts

    name = EventName.USER_DELETED
    example = example_of_a_user("evt_066FZVG2PQA6478R6JJ9GYCC7Q", {})
