"""GET /v1/jobs/{id}/events: an EventSource follows a job through one bounded answer after another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from promptmill import errors
from promptmill.http.job_answer import ANSWER_MS
from promptmill.http.stream_routes import WAIT_MS
from promptmill.jobs.model import Job, JobStatus
from promptmill.jobs.streaming.events import Chunk, Place
from tests.support.builders import AT_MS, OTHER_OWNER, a_job, a_job_id, an_image_entry
from tests.support.event_source import EventSource
from tests.unit.http.calls import ORIGINS, OWNER, REQUEST_ID, Api, Reply, an_event
from tests.unit.jobs.chunks import MemoryChunks
from tests.unit.jobs.fakes import MemoryJobStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.http.conftest import LogLines

STARTED = "2026-11-21T10:00:01.000Z"


class LivelyChunks(MemoryChunks):
    """Looks fail or have an effect as told, one after the other, and are counted."""

    def __init__(self, jobs: MemoryJobStore, *happens: Callable[[], object] | Exception | None) -> None:
        super().__init__(jobs)
        self._happens = list(happens)
        self.looks = 0

    def look(
        self, job_id: str, owner: str | None, *, after: Place | None = None, at_ms: int | None = None
    ) -> tuple[Job, tuple[Chunk, ...]]:
        self.looks += 1
        happening = self._happens.pop(0) if self._happens else None
        if isinstance(happening, Exception):
            raise happening
        if happening is not None:
            happening()
        return super().look(job_id, owner, after=after, at_ms=at_ms)


def following(status: str = "running", *, owner: str = OWNER, **fields: Any) -> tuple[Api, Job]:
    job = a_job(status, owner=owner, expires_at_seconds=2**33, **{"started_at": STARTED, **fields})
    jobs = MemoryJobStore()
    jobs.add(job)
    return Api(jobs=jobs, chunks=LivelyChunks(jobs)), job


def follow(api: Api, job: Job, last_event_id: str | None = None, context: Any = None) -> Reply:
    path = f"/v1/jobs/{job.id}/events"
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    return api.read(an_event("GET", path, headers=headers, resource="/v1/jobs/{job_id}/events"), context)


def end(api: Api, job: Job, status: str = "succeeded") -> None:
    api.jobs.jobs[job.id] = replace(api.jobs.jobs[job.id], status=JobStatus(status), finished_at=STARTED)


def happening(api: Api, *happens: Callable[[], object] | Exception | None) -> LivelyChunks:
    chunks = LivelyChunks(api.jobs, *happens)
    chunks.chunks = api.chunks.chunks
    api.chunks = chunks
    return chunks


def test_an_answer_is_an_event_stream_that_nobody_keeps() -> None:
    answer = follow(*following())
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache, no-store"
    assert answer.headers["x-request-id"] == REQUEST_ID
    assert answer.text.startswith("retry: 500\n\nid: 1\nevent: status\n")


def test_what_is_there_is_given_at_once() -> None:
    api, job = following()
    chunks = happening(api)
    follow(api, job)
    assert (chunks.looks, api.clock.slept_ms) == (1, [])


def test_an_answer_waits_until_there_is_something_newer() -> None:
    api, job = following()
    api.chunks.put(job, Chunk(1, 1, "one"))
    chunks = happening(api, None, None, lambda: chunks.put(job, Chunk(1, 2, "zwei ü")))
    answer = follow(api, job, "2.1.1")
    assert answer.text == (
        'id: 2.1.1\nretry: 500\n\nid: 2.1.2\nevent: chunk\ndata: {"call":1,"index":2,"text":"zwei ü"}\n\n'
    )
    assert chunks.looks == 3


def test_when_nothing_comes_in_time_the_answer_says_only_that_it_waits() -> None:
    api, job = following()
    answer = follow(api, job, "2")
    assert (answer.status, answer.text) == (200, "id: 2\nretry: 500\n\n: waiting\n\n")
    assert api.clock() - AT_MS == WAIT_MS


class ShortInvocation:
    """A Lambda context with little time left."""

    def get_remaining_time_in_millis(self) -> int:
        return 5_000


def test_an_answer_waits_no_longer_than_its_invocation_can() -> None:
    api, job = following()
    assert follow(api, job, "2", ShortInvocation()).status == 200
    assert api.clock() - AT_MS == 5_000 - ANSWER_MS


def test_the_last_event_is_the_job_as_it_is_read() -> None:
    api, job = following("succeeded")
    reader = EventSource()
    reader.receive(follow(api, job).text.encode())
    assert [event.id for event in reader.events] == ["1", "2", "3", "4"]
    assert reader.events[-1].name == "done"
    assert reader.events[-1].json == api.get(f"/v1/jobs/{job.id}").json


def test_images_at_the_end_come_with_links() -> None:
    result = {"images": [an_image_entry(key="artifacts/o/j/i.png")]}
    api, job = following("succeeded", kind="image", result=result)
    reader = EventSource()
    reader.receive(follow(api, job, "3").text.encode())
    (image,) = reader.events[0].json["result"]["images"]
    assert image["url"] == api.artifacts.link("artifacts/o/j/i.png")


def test_a_reader_with_every_event_of_a_job_that_is_done_is_told_to_stop() -> None:
    answer = follow(*following("succeeded"), "4")
    assert (answer.status, answer.text) == (204, "")


def test_a_whole_job_is_followed_from_answer_to_answer() -> None:
    api, job = following("queued", started_at=None)

    def write_the_last_and_end() -> None:
        api.chunks.put(job, Chunk(1, 3, "!"))
        end(api, job)

    happening(
        api,
        None,
        None,
        lambda: api.jobs.begin(job.id, at=STARTED, step="AssemblePrompt"),
        None,
        lambda: api.chunks.put(job, Chunk(1, 1, "Hello")),
        lambda: api.chunks.put(job, Chunk(1, 2, ", world")),
        write_the_last_and_end,
    )
    reader = EventSource()
    answers = 0
    while (answer := follow(api, job, reader.last_event_id)).status == 200:
        reader.receive(answer.text.encode())
        answers += 1
    assert answer.status == 204
    assert answers == 5
    assert [event.id for event in reader.events] == ["1", "2", "2.1.1", "2.1.2", "2.1.3", "3", "4"]
    assert reader.text() == "Hello, world!"


@pytest.mark.parametrize("last_event_id", ["5", "2.1", "nonsense", "2.1.1.1", "9" * 500, "1, 2", "é"])
def test_an_id_no_event_has_is_refused_and_nothing_is_read(last_event_id: str) -> None:
    api, job = following()
    chunks = happening(api)
    answer = follow(api, job, last_event_id)
    assert (answer.status, answer.json["code"], chunks.looks) == (400, "invalid_header", 0)
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_empty_last_event_id_is_none() -> None:
    assert "id: 1\n" in follow(*following(), "").text


def test_another_owners_job_answers_exactly_like_one_that_does_not_exist() -> None:
    api, job = following("succeeded", owner=OTHER_OWNER)
    foreign, unknown = follow(api, job), follow(api, a_job())
    assert foreign.status == unknown.status == 404
    assert foreign.headers == unknown.headers
    assert {**foreign.json, "instance": ""} == {**unknown.json, "instance": ""}
    assert follow(api, job, "4").status == 404


@pytest.mark.parametrize("job_id", ["x", "job_x", "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV", "%00"])
def test_what_cannot_be_a_job_id_is_not_looked_up(job_id: str) -> None:
    api, _ = following()
    chunks = happening(api)
    answer = api.get(f"/v1/jobs/{job_id}/events")
    assert (answer.status, answer.json["code"], chunks.looks) == (404, "job_not_found", 0)


def test_a_store_that_answers_again_in_time_was_never_away_for_an_event_source() -> None:
    api, job = following()
    happening(api, errors.StoreUnavailable(), errors.StoreUnavailable())
    answer = follow(api, job)
    assert (answer.status, "event: status" in answer.text) == (200, True)


def test_a_store_that_stays_away_is_a_503() -> None:
    api, job = following()
    happening(api, *[errors.StoreUnavailable()] * 100)
    answer = follow(api, job)
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "store_unavailable", "2")


def test_a_page_of_an_allowed_origin_may_read_the_stream() -> None:
    api, job = following()
    event = an_event("GET", f"/v1/jobs/{job.id}/events", headers={"Origin": ORIGINS[1]})
    assert api.read(event).headers["access-control-allow-origin"] == ORIGINS[1]


def test_the_log_says_which_job_was_followed_and_nothing_of_its_text(log: LogLines) -> None:
    api, job = following()
    api.chunks.put(job, Chunk(1, 1, "canary"))
    follow(api, job)
    (line,) = [facts for facts in log.facts if facts["message"] == "request"]
    assert (line["job_id"], line["route"], line["status"]) == (job.id, "/v1/jobs/{job_id}/events", 200)
    assert "canary" not in "".join(log.lines)


def test_a_job_that_is_not_streamed_can_be_followed_too() -> None:
    api, job = following("failed", started_at=None, id=a_job_id())
    reader = EventSource()
    reader.receive(follow(api, job).text.encode())
    assert [(event.id, event.json["status"]) for event in reader.events] == [
        ("1", "queued"),
        ("3", "failed"),
        ("4", "failed"),
    ]
