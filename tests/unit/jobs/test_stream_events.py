"""The events of a job: one order, the same at every read, so that a cut connection goes on where it broke off."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill.jobs.model import JobStatus
from promptmill.jobs.streaming.events import Chunk, answer_text, id_of, news_of, place_of
from tests.support.builders import AT, a_job
from tests.support.event_source import EventSource

if TYPE_CHECKING:
    from promptmill.jobs.model import Job

STARTED, FINISHED = "2026-11-21T10:00:01.000Z", "2026-11-21T10:00:09.000Z"
TEXTS = [
    "Grüße, 世界 👋",
    "line\nline\r\nline\rend",
    "data: not a field\n\nid: 9\n\n",
    "\u2028\u2029\x85\0\x1e",
    '"\\',
    " ",
]


@dataclass
class Server:
    """What is stored of one job, and the answers made from it. ``max_bytes`` is the size of one answer."""

    job: Job
    chunks: list[Chunk] = field(default_factory=list)
    max_bytes: int = 1024 * 1024

    def answer(self, last_event_id: str = "") -> bytes | None:
        """The body of the next answer; None is 204."""
        after = place_of(last_event_id) if last_event_id else None
        newer = [chunk for chunk in sorted(self.chunks, key=_place) if after is None or _place(chunk) > after]
        news = news_of(self.job, newer, after, document=lambda: {"status": self.job.status.value, "ä": "ß"})
        return None if news.is_over else answer_text(news, after, max_bytes=self.max_bytes).encode()

    def write(self, *texts: str, call: int = 1) -> None:
        index = sum(chunk.call == call for chunk in self.chunks)
        self.chunks += [Chunk(call, index + number, text) for number, text in enumerate(texts, 1)]

    def begin(self) -> None:
        self.job = replace(self.job, status=JobStatus.RUNNING, started_at=STARTED)

    def end(self, status: str = "succeeded") -> None:
        self.job = replace(self.job, status=JobStatus(status), finished_at=FINISHED)


def _place(chunk: Chunk) -> tuple[int, ...]:
    return 2, chunk.call, chunk.index


def finished(*texts: str) -> Server:
    server = Server(a_job("queued"))
    server.begin()
    server.write(*texts)
    server.end()
    return server


def followed(server: Server, reader: EventSource | None = None) -> EventSource:
    """The stream to its end, without a cut."""
    reader = reader or EventSource()
    while (answer := server.answer(reader.last_event_id)) is not None:
        before = len(reader.events)
        reader.receive(answer)
        assert len(reader.events) > before, "an answer without an event from a job that is over"
    return reader


def fifty_chunks() -> Server:
    return finished(*(f"{number} {TEXTS[number % len(TEXTS)]}" for number in range(50)))


def test_a_job_is_told_from_the_first_status_to_the_whole_of_it() -> None:
    events = followed(finished("Hello", ", world")).events
    assert [(event.id, event.name) for event in events] == [
        ("1", "status"),
        ("2", "status"),
        ("2.1.1", "chunk"),
        ("2.1.2", "chunk"),
        ("3", "status"),
        ("4", "done"),
    ]
    assert [event.json for event in events] == [
        {"status": "queued", "sequence": 1, "at": AT},
        {"status": "running", "sequence": 2, "at": STARTED},
        {"call": 1, "index": 1, "text": "Hello"},
        {"call": 1, "index": 2, "text": ", world"},
        {"status": "succeeded", "sequence": 3, "at": FINISHED},
        {"status": "succeeded", "ä": "ß"},
    ]


def test_an_answer_says_how_soon_to_come_back_and_sends_text_as_it_is() -> None:
    server = finished("Grüße\n👋")
    assert (
        server.answer()
        == (
            "retry: 500\n\n"
            f'id: 1\nevent: status\ndata: {{"status":"queued","sequence":1,"at":"{AT}"}}\n\n'
            f'id: 2\nevent: status\ndata: {{"status":"running","sequence":2,"at":"{STARTED}"}}\n\n'
            'id: 2.1.1\nevent: chunk\ndata: {"call":1,"index":1,"text":"Grüße\\n👋"}\n\n'
            f'id: 3\nevent: status\ndata: {{"status":"succeeded","sequence":3,"at":"{FINISHED}"}}\n\n'
            'id: 4\nevent: done\ndata: {"status":"succeeded","ä":"ß"}\n\n'
        ).encode()
    )


@pytest.mark.parametrize("status", ["failed", "rejected", "canceled", "expired"])
def test_a_job_that_never_ran_has_no_running_event(status: str) -> None:
    server = Server(a_job("queued"))
    server.end(status)
    events = followed(server).events
    assert [(event.id, event.name, event.json["status"]) for event in events] == [
        ("1", "status", "queued"),
        ("3", "status", status),
        ("4", "done", status),
    ]


def test_nothing_newer_is_a_comment_that_keeps_the_readers_place() -> None:
    server, reader = Server(a_job("queued")), EventSource()
    server.begin()
    reader.receive(server.answer() or b"")
    answer = server.answer(reader.last_event_id)
    assert answer == b"id: 2\nretry: 500\n\n: waiting\n\n"
    reader.receive(answer)
    assert (reader.last_event_id, len(reader.events), reader.retry_ms) == ("2", 2, 500)


def test_the_stream_is_over_only_for_whoever_has_the_last_event_of_a_job_that_is_done() -> None:
    server = finished("text")
    assert server.answer("4") is None
    assert server.answer("3") is not None
    server.job = replace(server.job, status=JobStatus.RUNNING)
    assert server.answer("4") == b"id: 4\nretry: 500\n\n: waiting\n\n"


def test_the_document_is_made_only_when_the_end_is_told() -> None:
    def never() -> dict[str, Any]:
        raise AssertionError("made in vain")

    job = a_job("running", started_at=STARTED)
    assert news_of(job, [Chunk(1, 1, "x")], None, document=never)
    assert news_of(replace(job, status=JobStatus.SUCCEEDED), [], (4,), document=never).is_over


def test_a_reader_who_was_away_at_the_end_gets_the_rest_of_the_text_before_it() -> None:
    server, reader = Server(a_job("queued")), EventSource()
    server.begin()
    server.write("one ")
    reader.receive(server.answer() or b"")
    server.write("two ", "three")
    server.end()
    followed(server, reader)
    assert [event.id for event in reader.events] == ["1", "2", "2.1.1", "2.1.2", "2.1.3", "3", "4"]
    assert reader.text() == "one two three"


def test_text_written_after_the_end_comes_after_nobodys_end_and_changes_no_id() -> None:
    server, reader, late = Server(a_job("queued")), EventSource(), EventSource()
    server.begin()
    server.write("one")
    server.end("canceled")
    reader.receive(server.answer() or b"")
    server.write("two")
    assert server.answer(reader.last_event_id) is None
    assert b"two" not in (server.answer("3") or b"")
    followed(server, late)
    told = {event.id: event for event in late.events}
    assert all(told[event.id] == event for event in reader.events)
    assert [event.id for event in late.events] == sorted(told, key=place_of)


def test_a_chunk_of_a_higher_call_begins_the_text_anew() -> None:
    server = Server(a_job("queued"))
    server.begin()
    server.write("a first try that bro", call=1)
    server.write("the whole", " text", call=2)
    server.end()
    reader = followed(server)
    assert [event.id for event in reader.events][2:5] == ["2.1.1", "2.2.1", "2.2.2"]
    assert reader.text() == "the whole text"


def test_the_order_is_that_of_the_numbers_not_of_the_letters() -> None:
    server = Server(a_job("queued"))
    server.begin()
    for call in (2, 10):
        server.write(*"abcdefghijkl", call=call)
    server.end()
    ids = [event.id for event in followed(server).events]
    assert ids[2:-2] == [f"2.{call}.{index}" for call in (2, 10) for index in range(1, 13)]


@pytest.mark.parametrize("retried", [False, True])
def test_a_stream_cut_at_any_event_and_resumed_is_the_uncut_stream(*, retried: bool) -> None:
    server = fifty_chunks()
    if retried:
        server.write(*TEXTS, call=2)
    whole = followed(server).events
    assert len(whole) == 54 + (len(TEXTS) if retried else 0)
    for kept in range(len(whole) + 1):
        reader = EventSource()
        reader.receive(b"".join(_block(event.id, event.name, event.data) for event in whole[:kept]))
        assert followed(server, reader).events == whole


def _block(event_id: str, name: str, data: str) -> bytes:
    return f"id: {event_id}\nevent: {name}\ndata: {data}\n\n".encode()


def test_a_stream_cut_at_any_byte_and_resumed_is_the_uncut_stream() -> None:
    server = fifty_chunks()
    answer = server.answer() or b""
    whole = followed(server).events
    rests = {event_id: server.answer(event_id) for event_id in ["", *(event.id for event in whole)]}
    for kept in range(len(answer) + 1):
        reader = EventSource()
        reader.receive(answer[:kept])
        if (rest := rests[reader.last_event_id]) is not None:
            reader.receive(rest)
        assert reader.events == whole


@given(
    texts=st.lists(st.tuples(st.integers(1, 3), st.text(max_size=20)), max_size=12).map(sorted),
    reads=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 400)), max_size=40),
    max_bytes=st.integers(1, 1000),
)
def test_however_reads_and_cuts_fall_the_reader_gets_the_uncut_stream(
    texts: list[tuple[int, str]], reads: list[tuple[int, int]], max_bytes: int
) -> None:
    """Each read comes after some more of the job has happened, and gets so many bytes before its connection is cut."""
    server, reader = Server(a_job("queued"), max_bytes=max_bytes), EventSource()
    left: list[Any] = [server.begin, *texts, server.end]
    for steps, kept in reads:
        for _ in range(min(steps, len(left))):
            _happen(server, left.pop(0))
        reader.receive((server.answer(reader.last_event_id) or b"")[:kept])
    for step in left:
        _happen(server, step)
    followed(server, reader)
    assert reader.events == followed(replace(server, max_bytes=10**9)).events
    assert [event.json["text"] for event in reader.events if event.name == "chunk"] == [text for _, text in texts]


def _happen(server: Server, step: Any) -> None:
    if isinstance(step, tuple):
        server.write(step[1], call=step[0])
    else:
        step()


@given(text=st.text())
def test_an_event_is_one_line_of_data_whatever_the_text(text: str) -> None:
    (event,) = news_of(a_job("queued"), [Chunk(1, 1, text)], (1,), document=dict).events
    lines = event.to_text().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["id", "event", "data", ""]
    assert json.loads(lines[2].removeprefix("data: "))["text"] == text


def test_an_answer_is_bounded_but_never_without_an_event() -> None:
    server = finished(*(["x" * 1000] * 10))
    assert 2000 < len(server.answer() or b"") < 11_000
    server.max_bytes = 3000
    assert 2000 < len(server.answer() or b"") < 3100
    server.max_bytes = 10
    assert (server.answer("2") or b"").count(b"event: ") == 1
    assert [event.id for event in followed(server).events][-1] == "4"


@pytest.mark.parametrize("event_id", ["1", "2", "3", "4", "2.1.1", "2.17.204", "2.9999.999999"])
def test_an_id_names_its_place(event_id: str) -> None:
    assert id_of(place_of(event_id)) == event_id


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "5", "01", "1.1.1", "2.1", "2.0.1", "2.1.0", "2.01.1", "2.1.01", "2.1.1.1", "2.10000.1"),
        *("2.1.1000000", "-1", " 1", "1\n", "2.1.1 ", "2.a.1", "²", "2.\u0661.1", "null", "2" * 100),
    ],
)
def test_what_no_event_has_is_no_id(text: str) -> None:
    with pytest.raises(ValueError, match="not the id"):
        place_of(text)
