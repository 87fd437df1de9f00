"""GET /v1/jobs/{id}/events over HTTP, as a page with an EventSource follows a job."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from promptmill.clock import now_ms, timestamp
from promptmill.jobs.model import JobStatus
from promptmill.jobs.store import JobStore
from promptmill.jobs.streaming.events import Chunk
from promptmill.jobs.streaming.store import ChunkStore
from tests.support.builders import COST, TEXT_RESULT, TEXT_USAGE
from tests.support.event_source import EventSource
from tests.support.jobs import a_job

if TYPE_CHECKING:
    from local.stack import Stack
    from promptmill.jobs.model import Job
    from tests.support.api import Api
    from tests.support.stand_ins import StandIns

CHUNKS = 50


def follow(api: Api, job_id: str) -> tuple[EventSource, int]:
    """The whole stream, and how many answers it came in."""
    reader, answers = EventSource(), 0
    while True:
        answer = api.http.get(f"/v1/jobs/{job_id}/events", headers=reader.headers)
        if answer.status_code == 204:
            return reader, answers
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        reader.receive(answer.content)
        answers += 1


def a_finished_job(stack: Stack, api: Api) -> Job:
    """A job of this caller that passed on 50 chunks, stored as if a model had taken its time."""
    owner = api.submit(kind="enhance", prompt="Who am I to this API?")["owner"]
    at = timestamp(now_ms())
    job = replace(
        a_job(stream=True),
        owner=owner,
        status=JobStatus.SUCCEEDED,
        started_at=at,
        finished_at=at,
        result=TEXT_RESULT,
        usage=TEXT_USAGE,
        cost=COST,
        due_at=None,
    )
    dynamodb = stack.client("dynamodb")
    JobStore(stack.jobs_table, dynamodb).add(job)
    chunks = ChunkStore(stack.jobs_table, dynamodb)
    for index in range(1, CHUNKS + 1):
        chunks.put(job, Chunk(1, index, f"{index}: ebb & flöd\n"))
    return job


def test_the_text_of_a_model_comes_while_it_writes_and_then_the_job(api: Api, stand_ins: StandIns) -> None:
    prompt = "Explain to a class of ten-year-olds how the tides come to be, streamed."
    stand_ins.script("chat", [{"pause_ms": 25}], match="streamed")
    job = api.submit(kind="enhance", prompt=prompt, stream=True)
    reader, answers = follow(api, job["id"])
    names = [event.name for event in reader.events]
    chunks = names.count("chunk")
    assert names == ["status", "status", *["chunk"] * chunks, "status", "done"]
    assert chunks > 1
    assert answers > 2, "the text came before the end"
    done = reader.events[-1].json
    assert done == api.read(job["id"])
    assert reader.text().strip() == done["result"]["text"]


def test_a_job_that_does_not_stream_is_followed_to_its_end(api: Api) -> None:
    job = api.submit(kind="image", prompt="a lighthouse at dusk", width=256, height=256)
    reader, _ = follow(api, job["id"])
    statuses = [event.json["status"] for event in reader.events if event.name == "status"]
    assert statuses == ["queued", "running", "succeeded"]
    assert reader.events[-1].json["result"]["images"][0]["id"]


def test_a_stream_cut_at_every_event_goes_on_where_it_was_cut(stack: Stack, api: Api) -> None:
    job = a_finished_job(stack, api)
    whole = api.http.get(f"/v1/jobs/{job.id}/events")
    uncut = EventSource()
    uncut.receive(whole.content)
    assert [event.name for event in uncut.events].count("chunk") == CHUNKS
    for event in uncut.events:
        kept = whole.content[: whole.content.index(f"id: {event.id}\n".encode())]
        reader = EventSource()
        # Half of the event came through as well, and does not count.
        reader.receive(kept + f"id: {event.id}\nevent: {event.name}\ndata: ".encode())
        rest = api.http.get(f"/v1/jobs/{job.id}/events", headers=reader.headers)
        reader.receive(rest.content)
        assert reader.events == uncut.events
    gone = api.http.get(f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": uncut.last_event_id})
    assert (gone.status_code, gone.content) == (204, b"")


def test_a_foreign_stream_is_as_unknown_as_one_that_never_was(stack: Stack, api: Api, other_api: Api) -> None:
    job = a_finished_job(stack, api)
    foreign = other_api.http.get(f"/v1/jobs/{job.id}/events")
    unknown = other_api.http.get(f"/v1/jobs/{job.id[:-1]}{'0' if job.id[-1] != '0' else '1'}/events")
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.json()["detail"] == unknown.json()["detail"]


def test_an_id_that_is_none_of_ours_is_refused(stack: Stack, api: Api) -> None:
    job = a_finished_job(stack, api)
    for event_id in ("5", "2.1", "2.0.1", "x" * 200):
        answer = api.http.get(f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": event_id})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_header")
