"""The names of the events there are, and the source each comes from. Pure; ``catalogue`` says what each one has."""

from __future__ import annotations

from enum import StrEnum


class EventName(StrEnum):
    """The detail types on the bus. A new major version of an event is a new one, such as ``job.succeeded.v2``."""

    JOB_ACCEPTED = "job.accepted"
    JOB_SUCCEEDED = "job.succeeded"
    JOB_REJECTED = "job.rejected"
    JOB_FAILED = "job.failed"
    JOB_CANCELED = "job.canceled"
    JOB_EXPIRED = "job.expired"
    USER_DELETED = "user.deleted"
    PROMPT_CREATED = "prompt.created"
    PROMPT_COPIED = "prompt.copied"
    PROMPT_STARRED = "prompt.starred"
    PROMPT_UNSTARRED = "prompt.unstarred"
    TEMPLATE_PUBLISHED = "template.published"
    TEMPLATE_FORKED = "template.forked"

    @property
    def source(self) -> str:
        """The source of the EventBridge event."""
        return _SOURCES[self.value.partition(".")[0]]


_SOURCES = {
    "job": "promptmill.jobs",
    "user": "promptmill.users",
    "prompt": "promptmill.library",
    "template": "promptmill.library",
}
