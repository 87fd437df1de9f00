"""What every list of the admins is asked for and answers: a page, and the cursor of the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptmill.http.resolver import query_parameters
from promptmill.paging import PAGE_LENGTHS, cursor_key, limit_of, make_cursor, position_of, single_values
from promptmill.settings import settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_lambda_powertools.event_handler import APIGatewayRestResolver


@dataclass(frozen=True, slots=True)
class PageRequest:
    """At most ``limit`` entries behind the position ``after``. ``sent`` are the parameters of the query string."""

    sent: Mapping[str, str]
    limit: int
    after: str | None
    bound: Sequence[str | None]
    key: bytes

    def answer(self, documents: list[dict[str, Any]], position: str | None) -> dict[str, Any]:
        """The body; ``position`` is where the next page goes on, None on the last."""
        return {
            "object": "list",
            "data": documents,
            "has_more": position is not None,
            "next_cursor": position and make_cursor(position, bound=self.bound, key=self.key),
        }


def page_request(
    app: APIGatewayRestResolver, label: str, *, of: Sequence[str] = (), filters: Mapping[str, int] | None = None
) -> PageRequest:
    """The request for a page of the list ``label``, of these objects.

    ``filters`` are the parameters it has besides and how many characters each may have. Raises ``InvalidParameter``.
    """
    lengths = {**(filters or {}), **PAGE_LENGTHS}
    sent = single_values(query_parameters(app), lengths)
    (salt,) = settings().require("owner_salt")
    key = cursor_key(salt, label)
    bound = [*of, *(sent.get(name) for name in filters or ())]
    after = position_of(sent["cursor"], bound=bound, key=key) if "cursor" in sent else None
    return PageRequest(sent, limit_of(sent), after, bound, key)
