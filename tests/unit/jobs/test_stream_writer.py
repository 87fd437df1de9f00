"""A call's text is passed on in few writes, in order, whole, and never at the cost of the call."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill import errors
from promptmill.jobs.streaming.events import Chunk
from promptmill.jobs.streaming.store import ChunkStore
from promptmill.jobs.streaming.writer import BATCH_BYTES, BATCH_MS, MAX_FAILURES, ChunkWriter, Waiting, is_due
from tests.support.builders import FakeClock, a_job

if TYPE_CHECKING:
    from promptmill.jobs.model import Job

JOB = a_job("running")
LANDS, LOST, DOWN = "lands", "lands, but the answer is lost", "down"


class Table(ChunkStore):
    """Writes end as told, then all land. ``tried`` is every write, ``chunks`` what is stored."""

    def __init__(self, *outcomes: str | Exception, clock: FakeClock | None = None, takes_ms: int = 0) -> None:
        self._outcomes = list(outcomes)
        self._clock = clock or FakeClock()
        self._takes_ms = takes_ms
        self.tried: list[Chunk] = []
        self.chunks: dict[int, str] = {}

    def put(self, job: Job, chunk: Chunk) -> None:
        assert job is JOB
        outcome = self._outcomes.pop(0) if self._outcomes else LANDS
        self.tried.append(chunk)
        self._clock.advance(self._takes_ms)
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is not DOWN:
            self.chunks[chunk.index] = chunk.text
        if outcome is not LANDS:
            raise errors.StoreUnavailable

    @property
    def text(self) -> str:
        assert list(self.chunks) == list(range(1, len(self.chunks) + 1))
        return "".join(self.chunks.values())


def a_writer(table: Table, clock: FakeClock | None = None) -> ChunkWriter:
    return ChunkWriter(table, JOB, 3, clock=clock or FakeClock())


@pytest.mark.parametrize(
    ("waiting", "due"),
    [
        (Waiting(0, None), False),
        (Waiting(0, BATCH_MS), False),
        (Waiting(1, None), True),
        (Waiting(1, 0), False),
        (Waiting(1, BATCH_MS - 1), False),
        (Waiting(1, BATCH_MS), True),
        (Waiting(BATCH_BYTES - 1, 0), False),
        (Waiting(BATCH_BYTES, 0), True),
        (Waiting(BATCH_BYTES, BATCH_MS - 1, last_failed=True), False),
        (Waiting(1, BATCH_MS, last_failed=True), True),
    ],
)
def test_text_is_due_at_first_and_when_it_is_old_or_large(waiting: Waiting, due: bool) -> None:  # noqa: FBT001
    assert is_due(waiting) is due


def test_the_first_piece_is_written_at_once_and_the_rest_at_the_end() -> None:
    table = Table()
    writer = a_writer(table)
    for piece in ("Hel", "lo", ", world"):
        writer(piece)
    assert table.tried == [Chunk(3, 1, "Hel")]
    writer.finish()
    assert table.tried == [Chunk(3, 1, "Hel"), Chunk(3, 2, "lo, world")]
    writer.finish()
    assert len(table.tried) == 2


def test_pieces_are_gathered_for_a_quarter_of_a_second() -> None:
    table, clock = Table(), FakeClock()
    writer = a_writer(table, clock)
    for piece in "abcdefghi":
        writer(piece)
        clock.advance(100)
    assert [chunk.text for chunk in table.tried] == ["a", "bcd", "efg"]


def test_many_pieces_at_once_are_gathered_by_size_in_bytes() -> None:
    table = Table()
    writer = a_writer(table)
    for _ in range(1000):
        writer("äöü€")  # 9 bytes
    writer.finish()
    assert table.text == "äöü€" * 1000
    # One for the first piece, one for every 2,052 bytes, one for the rest.
    assert len(table.tried) == 1 + 4 + 1


def test_five_hundred_small_pieces_in_twenty_seconds_are_about_seventy_writes() -> None:
    table, clock = Table(), FakeClock()
    writer = a_writer(table, clock)
    for number in range(500):
        writer(f"{number} ")
        clock.advance(40)
    writer.finish()
    assert table.text == "".join(f"{number} " for number in range(500))
    # Every seventh piece is the first after a quarter of a second.
    assert len(table.tried) == 73


def test_a_call_without_text_writes_nothing() -> None:
    table = Table()
    writer = a_writer(table)
    writer("")
    writer.finish()
    assert table.tried == []


@pytest.mark.parametrize("outcome", [LOST, DOWN])
def test_a_write_that_failed_is_made_again_with_the_same_text_under_the_same_index(outcome: str) -> None:
    clock = FakeClock()
    table = Table(outcome)
    writer = a_writer(table, clock)
    writer("one ")
    clock.advance(BATCH_MS)
    writer("two ")
    clock.advance(BATCH_MS)
    writer("three")
    writer.finish()
    assert table.tried[:2] == [Chunk(3, 1, "one "), Chunk(3, 1, "one ")]
    assert table.text == "one two three"


def test_after_a_failure_the_next_try_waits_however_much_text_there_is() -> None:
    table = Table(DOWN)
    writer = a_writer(table)
    for _ in range(100):
        writer("x" * 1000)
    assert len(table.tried) == 1


@given(
    pieces=st.lists(st.tuples(st.text(max_size=30), st.integers(0, 400)), max_size=60),
    outcomes=st.lists(st.sampled_from([LANDS, LOST, DOWN]), max_size=60),
)
def test_what_is_stored_is_the_text_from_its_start_and_all_of_it_unless_given_up(
    pieces: list[tuple[str, int]], outcomes: list[str]
) -> None:
    clock, table = FakeClock(), Table(*outcomes)
    writer = a_writer(table, clock)
    for piece, pause_ms in pieces:
        writer(piece)
        clock.advance(pause_ms)
    writer.finish()
    whole = "".join(piece for piece, _ in pieces)
    assert whole.startswith(table.text)
    failures = sum(outcome is not LANDS for outcome in outcomes[: len(table.tried)])
    assert failures <= MAX_FAILURES
    assert table.text == whole or failures == MAX_FAILURES
    # No index was ever written with two texts.
    assert len(set(table.tried)) == len({chunk.index for chunk in table.tried})


def test_a_table_that_is_down_is_given_up_after_three_tries_and_said_so_without_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    table = Table(*[DOWN] * 100, clock=clock, takes_ms=2000)
    writer = a_writer(table, clock)
    started_ms = clock()
    with caplog.at_level(logging.WARNING):
        for _ in range(500):
            writer("secret text ")
            clock.advance(1)
        writer.finish()
    assert len(table.tried) == MAX_FAILURES
    assert clock() - started_ms == MAX_FAILURES * 2000 + 500
    (line,) = caplog.records
    facts = {name: getattr(line, name) for name in ("work", "error", "job_id", "correlation_id", "call")}
    assert facts == {
        "work": "streaming",
        "error": "StoreUnavailable",
        "job_id": JOB.id,
        "correlation_id": JOB.correlation_id,
        "call": "3",
    }
    assert "secret" not in str(vars(line))


@pytest.mark.parametrize("error", [errors.BrokenContractError(), RuntimeError("a bug")])
def test_what_trying_again_will_not_mend_is_given_up_at_once(error: Exception) -> None:
    table = Table(error)
    writer = a_writer(table)
    for _ in range(10):
        writer("x" * 1000)
    writer.finish()
    assert len(table.tried) == 1


def test_surrogates_are_joined_or_replaced_since_no_store_takes_them() -> None:
    table = Table()
    writer = a_writer(table)
    writer("\ud83d\udc4b and \ud83d")
    writer(" end")
    writer.finish()
    assert table.text == "👋 and \ufffd end"


def test_a_character_that_comes_in_two_pieces_is_one_character() -> None:
    table, clock = Table(), FakeClock()
    writer = a_writer(table, clock=clock)
    for piece in ("\ud83d", "\ude00 there, ", "and \ud83d", "\udc4b", "\ud83d"):
        writer(piece)
        clock.advance(BATCH_MS)
    writer.finish()
    assert table.text == "😀 there, and 👋\ufffd"


def test_text_that_only_looks_like_a_byte_order_mark_is_kept() -> None:
    table = Table()
    a_writer(table)("\ufeffa")
    assert table.text == "\ufeffa"
