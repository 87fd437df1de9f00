"""Idempotency-Key: the same key and body are the same job."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptmill import errors
from promptmill.clock import now_ms
from promptmill.errors import InvalidHeader
from promptmill.http.idempotency_key import idempotency_key
from promptmill.identity.access import Scope
from promptmill.jobs.model import JobStatus
from tests.support.builders import PROMPT
from tests.unit.http.calls import USER, Api, an_event
from tests.unit.jobs.fakes import FakeWorkflow

if TYPE_CHECKING:
    from tests.unit.http.calls import Reply

BODY = {"kind": "enhance", "prompt": PROMPT, "metadata": {"a": "1", "b": "2"}}
KEY = "order-7"


def post(api: Api, document: Any = BODY, *, key: str | None = KEY, body: str | None = None) -> Reply:
    return api.post("/v1/jobs", document, body=body, headers={} if key is None else {"Idempotency-Key": key})


def settle(api: Api, status: JobStatus) -> None:
    (job,) = api.jobs.jobs.values()
    api.jobs.jobs[job.id] = replace(job, status=status, result={"text": "x", "type": "general"})


def age(api: Api, *, seconds: int) -> None:
    """Makes every record as old as if it had been made so long ago."""
    for place, record in api.records.records.items():
        api.records.records[place] = replace(
            record,
            lease_ends_ms=record.lease_ends_ms - seconds * 1000,
            expires_at_seconds=record.expires_at_seconds - seconds,
        )


def is_replay_of(first: Reply, again: Reply) -> bool:
    return (again.json["id"], again.headers.get("idempotency-replayed")) == (first.json["id"], "true")


def test_a_first_request_is_not_called_a_replay() -> None:
    answer = post(Api())
    assert answer.status == 202
    assert "idempotency-replayed" not in answer.headers


def test_a_repeat_is_the_same_job_started_once() -> None:
    api = Api()
    first, again = post(api), post(api)
    assert again.status == 202
    assert is_replay_of(first, again)
    assert list(api.workflow.started) == [first.json["id"]] == list(api.jobs.jobs)
    assert again.headers["location"] == first.headers["location"]


@pytest.mark.parametrize("status", ["succeeded", "failed", "rejected", "canceled", "expired"])
def test_a_repeat_after_the_end_is_the_job_as_it_ended(status: str) -> None:
    api = Api()
    first = post(api)
    settle(api, JobStatus(status))
    again = post(api)
    assert (again.status, again.json["status"]) == (200, status)
    assert is_replay_of(first, again)


def test_without_a_key_every_request_is_a_job_of_its_own() -> None:
    api = Api()
    assert post(api, key=None).json["id"] != post(api, key=None).json["id"]
    assert api.records.records == {}


def test_another_key_is_another_job() -> None:
    api = Api()
    assert post(api, key="a").json["id"] != post(api, key="b").json["id"]


def test_the_same_key_with_another_body_is_refused() -> None:
    api = Api()
    post(api)
    answer = post(api, BODY | {"tone": "casual"})
    assert (answer.status, answer.json["code"]) == (422, "idempotency_mismatch")
    assert len(api.jobs.jobs) == 1


def test_the_order_and_the_white_space_of_the_body_do_not_count() -> None:
    api = Api()
    first = post(api)
    turned = {"metadata": {"b": "2", "a": "1"}, "prompt": PROMPT, "kind": "enhance", "deadline_seconds": 300}
    assert is_replay_of(first, post(api, body=json.dumps(turned, indent=7)))


def test_a_quoted_key_is_the_bare_one() -> None:
    api = Api()
    first = post(api, key=KEY)
    assert is_replay_of(first, post(api, key=f'"{KEY}"'))


def test_a_key_is_its_owners_alone() -> None:
    api = Api()
    first = post(api)
    headers = {"content-type": "application/json", "idempotency-key": KEY}
    another = replace(USER, owner="usr_another")
    event = an_event("POST", "/v1/jobs", body=json.dumps(BODY), headers=headers, caller=another)
    other = api.submit(event)
    assert other.json["id"] != first.json["id"]
    assert "idempotency-replayed" not in other.headers


def test_a_key_is_forgotten_after_a_day() -> None:
    api = Api()
    first = post(api)
    age(api, seconds=24 * 60 * 60 - 60)
    assert is_replay_of(first, post(api))
    age(api, seconds=61)
    later = post(api)
    assert later.json["id"] != first.json["id"]


class CutOff(FakeWorkflow):
    """The process dies while it starts the execution, once."""

    def __init__(self) -> None:
        super().__init__()
        self.is_first = True

    def start(self, job_id: str, state: dict[str, Any]) -> None:
        if self.is_first:
            self.is_first = False
            raise KeyboardInterrupt
        super().start(job_id, state)


def cut_off() -> Api:
    api = Api(workflow=CutOff())
    with pytest.raises(KeyboardInterrupt):
        post(api)
    return api


def test_a_repeat_while_the_first_is_being_accepted_is_told_to_come_back() -> None:
    api = cut_off()
    answer = post(api)
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (409, "request_in_flight", "1")
    assert api.workflow.started == {}


def test_a_repeat_after_the_first_was_cut_off_starts_its_job() -> None:
    api = cut_off()
    age(api, seconds=31)
    answer = post(api)
    (job_id,) = api.jobs.jobs
    assert (answer.status, answer.json["id"], answer.headers["idempotency-replayed"]) == (202, job_id, "true")
    assert list(api.workflow.started) == [job_id]
    assert post(api).headers["idempotency-replayed"] == "true"


def test_a_repeat_by_another_key_of_the_owners_does_not_start_the_job_under_its_own_limits() -> None:
    api = cut_off()
    age(api, seconds=31)
    another = replace(USER, key="key_1", plan="key", scopes=frozenset(Scope))
    headers = {"Content-Type": "application/json", "Idempotency-Key": KEY}
    answer = api.submit(an_event("POST", "/v1/jobs", body=json.dumps(BODY), headers=headers, caller=another))
    assert (answer.status, answer.json["code"], api.workflow.started) == (409, "request_in_flight", {})


def test_a_repeat_of_a_cut_off_job_that_was_settled_meanwhile_starts_nothing() -> None:
    api = cut_off()
    age(api, seconds=31)
    settle(api, JobStatus.FAILED)
    answer = post(api)
    assert (answer.status, answer.json["status"], api.workflow.started) == (200, "failed", {})


def test_a_job_that_could_not_be_started_frees_its_key() -> None:
    api = Api(workflow=FakeWorkflow(errors.WorkflowUnavailable()))
    assert post(api).status == 503
    assert api.records.records == {}


def test_a_repeat_counts_for_no_rate_and_is_answered_over_the_limit_too() -> None:
    api = Api()
    first = post(api)
    over = Api(jobs=api.jobs, tat_ms=now_ms() + 10_000_000)
    over.records.records.update(api.records.records)
    again = post(over)
    assert is_replay_of(first, again)
    assert again.headers["ratelimit"].startswith('"anonymous";r=0')
    assert post(over, key="new").status == 429


def test_generate_prompt_takes_a_key_too() -> None:
    api = Api()
    answers = [api.post("/v1/generate-prompt", {"prompt": PROMPT}, headers={"Idempotency-Key": KEY}) for _ in range(2)]
    assert answers[0].json["id"] == answers[1].json["id"]
    assert len(api.jobs.jobs) == 1


@pytest.mark.parametrize(
    ("sent", "key"),
    [("a", "a"), ("x" * 255, "x" * 255), ('"a b"', None), ('"a"', "a"), (r'"a\"b"', 'a"b'), ("~!a#", "~!a#")],
)
def test_keys_within_the_limits(sent: str, key: str | None) -> None:
    if key is None:
        with pytest.raises(InvalidHeader):
            idempotency_key({"Idempotency-Key": [sent]})
    else:
        assert idempotency_key({"Idempotency-Key": [sent]}) == key


@pytest.mark.parametrize(
    "sent",
    [
        [""],
        ["x" * 256],
        ['"' + "x" * 256 + '"'],
        ["a b"],
        ["é"],
        ["a\x00"],
        ['"a'],
        ['""'],
        ["a", "a"],
        ["a", "b"],
        ["tab\tin"],
    ],
)
def test_a_malformed_key_is_refused_and_leaves_nothing_behind(sent: list[str]) -> None:
    api = Api()
    event = an_event("POST", "/v1/jobs", body=json.dumps(BODY), headers={"content-type": "application/json"})
    event["multiValueHeaders"]["Idempotency-Key"] = sent
    answer = reply_of(api, event)
    assert (answer.status, answer.json["code"]) == (400, "invalid_header")
    assert (api.jobs.jobs, api.workflow.started, api.records.records) == ({}, {}, {})


@given(st.text(max_size=300))
def test_any_header_is_a_key_within_the_limits_or_refused(sent: str) -> None:
    try:
        key = idempotency_key({"idempotency-key": [sent]})
    except InvalidHeader:
        return
    assert key is not None
    assert 1 <= len(key) <= 255
    assert all("\x21" <= character <= "\x7e" for character in key)


def reply_of(api: Api, event: dict[str, Any]) -> Reply:
    answer = api.submit(event)
    assert answer.headers["content-type"] == "application/problem+json"
    return answer


def test_no_headers_at_all_is_no_key() -> None:
    assert idempotency_key({}) is None
