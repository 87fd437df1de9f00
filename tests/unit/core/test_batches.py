"""Reads and deletions of many items at once, of which DynamoDB leaves some for later."""

from __future__ import annotations

from typing import Any

import pytest

from promptmill.errors import StoreUnavailable
from promptmill.gateway import BATCH_ATTEMPTS, READ_ATTEMPTS, delete_items, read_together

FIRST, SECOND = ({"pk": {"S": name}} for name in ("first", "second"))


class Sparing:
    """A table of DynamoDB that leaves these items in each request, and everything once it has no more to leave."""

    def __init__(self, *left: list[dict[str, Any]]) -> None:
        self._left = list(left)
        self.asked: list[list[dict[str, Any]]] = []

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - botocore's names
        asked = RequestItems["t"]["Keys"]
        left = self._leaves(asked)
        found = [key for key in asked if key not in left]
        return {"Responses": {"t": found}, "UnprocessedKeys": {"t": {"Keys": left}} if left else {}}

    def batch_write_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        left = self._leaves([request["DeleteRequest"]["Key"] for request in RequestItems["t"]])
        return {"UnprocessedItems": {"t": [{"DeleteRequest": {"Key": key}} for key in left]} if left else {}}

    def _leaves(self, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        self.asked.append(asked)
        return self._left.pop(0) if self._left else []


def test_what_a_read_leaves_is_read_after_a_pause_that_grows() -> None:
    table, pauses = Sparing([FIRST], [FIRST]), list[float]()
    assert read_together(table, "t", [FIRST, SECOND], pause=pauses.append) == [SECOND, FIRST]
    assert (table.asked, pauses) == ([[FIRST, SECOND], [FIRST], [FIRST]], [0.05, 0.1])


def test_what_a_deletion_leaves_is_deleted_after_a_pause_that_grows() -> None:
    table, pauses = Sparing([FIRST], [FIRST]), list[float]()
    delete_items(table, "t", [FIRST, SECOND], pause=pauses.append)
    assert (table.asked, pauses) == ([[FIRST, SECOND], [FIRST], [FIRST]], [0.05, 0.1])


def test_what_is_done_at_once_waits_for_nothing() -> None:
    pauses: list[float] = []
    delete_items(Sparing(), "t", [FIRST] * 60, pause=pauses.append)
    assert read_together(Sparing(), "t", [FIRST], pause=pauses.append) == [FIRST]
    assert pauses == []


@pytest.mark.parametrize(("act", "attempts"), [(read_together, READ_ATTEMPTS), (delete_items, BATCH_ATTEMPTS)])
def test_a_table_that_never_does_all_can_be_tried_again(act: Any, attempts: int) -> None:
    table, pauses = Sparing(*[[FIRST]] * 9), list[float]()
    with pytest.raises(StoreUnavailable):
        act(table, "t", [FIRST], pause=pauses.append)
    assert (len(table.asked), len(pauses)) == (attempts, attempts - 1)
    # Callers have seconds, and more to do in them.
    assert sum(pauses) < 1
