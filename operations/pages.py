"""A list that comes in pages, read to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptmill.paging import Entry, Page


def pages(read: Callable[[str | None], Page[Entry]], *, after: str | None = None) -> Iterator[tuple[Entry, ...]]:
    """The entries of every page behind the position ``after``, page by page; each is read when it is asked for."""
    while True:
        page = read(after)
        yield page.entries
        after = page.position
        if after is None:
            return


def entries(read: Callable[[str | None], Page[Entry]], looked_at: Callable[[int], None]) -> Iterator[Entry]:
    """Every entry; ``looked_at`` is told how many a page had before they come."""
    for page in pages(read):
        looked_at(len(page))
        yield from page
