"""The same work on several things at a time, where most of it is waiting for the network."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
R = TypeVar("R")

WORKERS = 10
"""As many at a time as a botocore client, which threads may share, keeps connections."""


def in_parallel(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """What ``work`` returns for each item, in their order; ``WORKERS`` of them are at work at a time.

    Where it raises, those under way are ended, others may not be begun, and the first error in that order is raised.
    """
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(work, items))
