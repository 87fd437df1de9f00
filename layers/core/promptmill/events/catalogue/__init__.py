"""Every event there is, as a model: what each promises, and an example of it.

For documents and tests. What publishes events makes dicts, in ``events.envelope``, ``.user_events`` and
``.library_events``, and loads none of this: with pydantic, every function would start later.
"""

from __future__ import annotations

from promptmill.events.catalogue.job_events import (
    JobAccepted,
    JobCanceled,
    JobExpired,
    JobFailed,
    JobRejected,
    JobSucceeded,
)
from promptmill.events.catalogue.library_events import (
    PromptCopied,
    PromptCreated,
    PromptStarred,
    PromptUnstarred,
    TemplateForked,
    TemplatePublished,
)
from promptmill.events.catalogue.user_events import UserDeleted
from promptmill.events.catalogue.webhook_events import WebhookTest

ON_THE_BUS = (
    JobAccepted,
    JobSucceeded,
    JobRejected,
    JobFailed,
    JobCanceled,
    JobExpired,
    UserDeleted,
    PromptCreated,
    PromptCopied,
    PromptStarred,
    PromptUnstarred,
    TemplatePublished,
    TemplateForked,
)
TO_WEBHOOKS = (*ON_THE_BUS, WebhookTest)
