"""The events of a job: what its subscribers may rely on."""

from __future__ import annotations

import json

from promptmill.clock import is_id
from promptmill.events.envelope import accepted_event, outcome_event_id
from tests.support.builders import AT, OWNER, PROMPT, TRACEPARENT, a_job, an_image_entry


def test_an_accepted_event_is_ids_figures_and_the_callers_metadata() -> None:
    job = a_job(metadata={"order": "7"})
    event = accepted_event(job)
    assert event == {
        "metadata": {
            "id": event["metadata"]["id"],
            "version": "1",
            "occurred_at": AT,
            "owner": OWNER,
            "job_id": job.id,
            "sequence": 1,
            "correlation_id": "req-1",
            "traceparent": TRACEPARENT,
        },
        "data": {
            "kind": "enhance",
            "status": "queued",
            "links": {"self": job.self_url},
            "metadata": {"order": "7"},
        },
    }


def test_the_prompt_and_the_result_are_in_no_event() -> None:
    said = json.dumps(
        accepted_event(a_job("succeeded", result={"text": "the result text", "images": [an_image_entry()]}))
    )
    assert PROMPT not in said
    assert "the result text" not in said
    assert "artifacts/" not in said


def test_who_publishes_an_event_twice_publishes_the_same_id() -> None:
    job = a_job()
    assert accepted_event(job)["metadata"]["id"] == accepted_event(job)["metadata"]["id"]
    assert outcome_event_id(job.id) == outcome_event_id(job.id)


def test_the_two_events_of_a_job_and_those_of_two_jobs_have_ids_of_their_own() -> None:
    one, other = a_job(), a_job()
    ids = {accepted_event(one)["metadata"]["id"], outcome_event_id(one.id), outcome_event_id(other.id)}
    assert len(ids) == 3
    assert all(is_id("evt", event_id) for event_id in ids)
