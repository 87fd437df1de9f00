"""The same work on several things at a time."""

from __future__ import annotations

from threading import Barrier

import pytest

from promptmill.parallel import WORKERS, in_parallel

SECONDS = 5


def test_as_many_as_there_are_workers_are_at_it_together_and_their_order_is_kept() -> None:
    together = Barrier(WORKERS, timeout=SECONDS)

    def work(number: int) -> int:
        together.wait()
        return -number

    assert in_parallel(work, range(3 * WORKERS)) == [-number for number in range(3 * WORKERS)]


def test_nothing_is_made_of_nothing() -> None:
    assert in_parallel(str, []) == []


def test_an_error_is_raised_when_what_was_begun_has_ended() -> None:
    together, ended = Barrier(2, timeout=SECONDS), []

    def work(number: int) -> None:
        if number > 1:
            return
        together.wait()
        if number == 0:
            raise ValueError("the first")
        ended.append(number)

    with pytest.raises(ValueError, match="the first"):
        in_parallel(work, range(2))
    assert ended == [1]
