"""The function of webhooks over stores in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from promptmill.http.resolver import resolve
from promptmill.http.webhook_admin_routes import webhook_api
from tests.support.webhooks import WEBHOOK_URL
from tests.unit.http.admin import ADMIN
from tests.unit.http.calls import OWNER, an_event, reply
from tests.unit.webhooks.fakes import MemoryDeliveries, MemoryEndpoints, MemoryQueue

if TYPE_CHECKING:
    from promptmill.identity.caller import Caller
    from tests.unit.http.calls import Reply

ASKED = {"url": WEBHOOK_URL, "events": ["job.succeeded", "job.failed"]}


class WebhookAdministration:
    """``endpoints`` knows two users: the admin and the caller of other tests."""

    def __init__(self, endpoints: MemoryEndpoints | None = None, queue: MemoryQueue | None = None) -> None:
        self.endpoints = endpoints or MemoryEndpoints(ADMIN.owner, OWNER)
        self.deliveries = MemoryDeliveries()
        self.queue = queue or MemoryQueue()

    def call(
        self,
        method: str,
        path: str,
        document: Any = None,
        *,
        query: dict[str, list[str]] | None = None,
        caller: Caller | None = ADMIN,
    ) -> Reply:
        headers = {} if document is None else {"Content-Type": "application/json"}
        body = document if isinstance(document, str) or document is None else json.dumps(document)
        event = an_event(method, path, body=body, headers=headers, query=query, caller=caller)
        return reply(resolve(webhook_api(self.endpoints, self.deliveries, self.queue), event, None))

    def make(self, **fields: Any) -> Any:
        """The answer to making a webhook; fails the test unless it is made."""
        answer = self.call("POST", "/v1/webhooks", {**ASKED, **fields})
        assert answer.status == 201, answer.text
        return answer.json
