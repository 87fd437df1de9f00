"""What the API functions write to their log: facts, and nothing a caller wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from promptmill import errors
from tests.support.builders import a_job, a_job_id
from tests.unit.http.calls import ADDRESS, OWNER, REQUEST_ID, SALT, Api, an_event
from tests.unit.jobs.fakes import FakeWorkflow, MemoryJobStore

if TYPE_CHECKING:
    from promptmill.jobs.model import Job
    from tests.unit.http.conftest import LogLines

WORDS = "xylophones quarrel beneath marmalade skies"
BODY = {
    "kind": "image",
    "prompt": WORDS,
    "style": f"{WORDS} style",
    "negative_prompt": f"no {WORDS}",
    "metadata": {f"key {WORDS}": f"value {WORDS}"},
}
LINE = ("message", "method", "route", "status", "request_id", "job_id", "kind", "correlation_id")
HEADERS = {
    "Authorization": f"Bearer {WORDS.replace(' ', '-')}",
    "X-Custom": WORDS,
    "Cookie": WORDS,
    "Idempotency-Key": WORDS.replace(" ", "-"),
}


class Breaking(MemoryJobStore):
    def add(self, job: Job) -> None:
        raise ValueError(f"cannot store {job.input} of {job.metadata}")


def test_a_request_is_one_line_of_facts(log: LogLines) -> None:
    job_id = Api().post("/v1/jobs", BODY).json["id"]
    (line,) = log.facts
    facts = {name: line[name] for name in LINE}
    assert facts == {
        "message": "request",
        "method": "POST",
        "route": "/v1/jobs",
        "status": 202,
        "request_id": REQUEST_ID,
        "job_id": job_id,
        "kind": "image",
        "correlation_id": REQUEST_ID,
    }
    assert isinstance(line["duration_ms"], int)


@pytest.mark.parametrize(
    ("api", "status"),
    [
        (Api(), 202),
        (Api(tat_ms=2**53), 429),
        (Api(workflow=FakeWorkflow(errors.WorkflowUnavailable(WORDS))), 503),
        (Api(jobs=Breaking()), 500),
    ],
)
def test_nothing_a_caller_wrote_is_in_the_log(log: LogLines, api: Api, status: int) -> None:
    assert api.post("/v1/jobs", BODY, headers=HEADERS).status == status
    assert log.lines
    written = "\n".join(log.lines)
    assert not [word for word in WORDS.split() if word in written]


@pytest.mark.parametrize(
    "body",
    [
        WORDS,
        f'{{"kind":"{WORDS}"}}',
        f'{{"kind":"image","prompt":"{WORDS}","{WORDS}":1}}',
        f'{{"kind":"image","prompt":"{WORDS}","model":"{WORDS}"}}',
    ],
)
def test_a_body_that_cannot_be_used_is_not_in_the_log_either(log: LogLines, body: str) -> None:
    assert Api().post("/v1/jobs", body=body).status in {400, 422}
    assert not [word for word in WORDS.split() if word in "\n".join(log.lines)]


def test_the_address_the_salt_and_what_was_asked_for_by_path_are_not_in_the_log(log: LogLines) -> None:
    Api().read(an_event("GET", f"/v1/jobs/{WORDS}", resource="/v1/jobs/{job_id}"))
    Api().read(an_event("GET", f"/v1/{WORDS}", resource="/v1/{proxy+}"))
    written = "\n".join(log.lines)
    assert [line["route"] for line in log.facts] == ["/v1/jobs/{job_id}", "/v1/{proxy+}"]
    assert not [text for text in (*WORDS.split(), ADDRESS, SALT) if text in written]


def test_a_fault_says_what_broke_and_where_in_our_code(log: LogLines) -> None:
    Api(jobs=Breaking()).post("/v1/jobs", BODY)
    fault, request = log.facts
    assert (fault["level"], fault["message"], fault["error"]) == ("ERROR", "fault", "ValueError")
    assert fault["place"].rpartition(":")[0].endswith("test_log.py")
    assert request["status"] == 500


@pytest.mark.parametrize(
    ("error", "name"), [(errors.StoreUnavailable(), "StoreUnavailable"), (errors.JobNotFound(), "JobNotFound")]
)
def test_a_refusal_is_logged_by_its_name(log: LogLines, error: errors.PromptmillError, name: str) -> None:
    class Refusing(MemoryJobStore):
        def get(self, job_id: str, owner: str | None, *, at_ms: int | None = None) -> Job:
            raise error

    Api(jobs=Refusing()).get(f"/v1/jobs/{a_job_id()}")
    line = log.facts[-1]
    assert (line["level"], line["error"]) == ("INFO", name)


def test_what_is_unavailable_is_an_error_line_with_the_names_of_its_causes(log: LogLines) -> None:
    class Refusing(MemoryJobStore):
        def get(self, job_id: str, owner: str | None, *, at_ms: int | None = None) -> Job:
            refusal = ClientError({"Error": {"Code": "ThrottlingException", "Message": WORDS}}, "Query")
            raise errors.StoreUnavailable(WORDS) from refusal

    Api(jobs=Refusing()).get(f"/v1/jobs/{a_job_id()}")
    line = log.facts[0]
    assert (line["level"], line["message"]) == ("ERROR", "unavailable")
    assert line["causes"] == "StoreUnavailable < ClientError ThrottlingException"
    assert WORDS not in "".join(log.lines)


def test_the_facts_of_one_request_are_not_on_the_next_ones_line(log: LogLines) -> None:
    api = Api()
    job = a_job("succeeded", owner=OWNER, expires_at_seconds=2**33)
    api.jobs.add(job)
    api.get(f"/v1/jobs/{job.id}")
    api.get(f"/v1/jobs/{a_job_id()}")
    api.get("/v1/health")
    first, second, third = log.facts
    assert (first["job_id"], first["kind"]) == (job.id, "enhance")
    assert "job_id" not in second
    assert "kind" not in second
    assert "error" not in third
