"""Bad input is refused with a problem that names the field, and leaves nothing behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from promptmill.http.schemas import Problem
from tests.e2e.bad_input import ACCEPTED, ENHANCE, ROWS, Row
from tests.support.api import Api, new_address
from tests.support.inventory import Inventory, take_inventory

if TYPE_CHECKING:
    from local.stack import Stack


@dataclass(frozen=True)
class Posted:
    answers: dict[str, httpx.Response]
    before: Inventory
    after: Inventory


@pytest.fixture(scope="module")
def posted(stack: Stack) -> Posted:
    """Every row, posted once."""
    before = take_inventory(stack)
    answers = {}
    with Api(stack, new_address()) as api:
        for row in ROWS:
            headers = {"content-type": row.content_type} if row.content_type else {}
            answers[row.name] = api.http.post(row.path, content=row.content, headers=headers)
    return Posted(answers, before, take_inventory(stack))


def test_the_table_is_long_and_no_row_is_lost() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS) >= 40


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_bad_input_is_a_problem_that_names_the_field(posted: Posted, row: Row) -> None:
    answer = posted.answers[row.name]
    assert answer.status_code == row.status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(answer.text)
    assert (problem.status, problem.code, problem.retryable) == (row.status, row.code, False)
    assert problem.instance == row.path
    assert problem.request_id == answer.headers["x-request-id"]
    assert [finding.pointer for finding in problem.errors] == ([] if row.pointer is None else [row.pointer])


@pytest.mark.parametrize("row", [row for row in ROWS if b"picnic" in row.content], ids=str)
def test_what_was_sent_is_not_sent_back(posted: Posted, row: Row) -> None:
    assert "picnic" not in posted.answers[row.name].text


def test_nothing_was_stored_and_no_execution_started(posted: Posted) -> None:
    assert posted.answers
    assert posted.after == posted.before


def test_each_of_several_faults_is_named(api: Api) -> None:
    body = {"kind": "image", "prompt": "ab", "width": 257, "metadata": {"k": 1}, "colour": "red"}
    answer = api.http.post("/v1/jobs", json=body)
    pointers = {finding["pointer"] for finding in answer.json()["errors"]}
    assert pointers == {"/prompt", "/width", "/metadata/k", "/colour"}


@pytest.mark.parametrize(("name", "body"), ACCEPTED, ids=[name for name, _ in ACCEPTED])
def test_the_same_fields_at_their_limits_are_accepted(api: Api, name: str, body: dict[str, Any]) -> None:
    job = api.run(**body)
    assert job["status"] == "succeeded", (name, job["error"])
    assert job["input"]["prompt"] == body["prompt"]
    assert job["metadata"] == body.get("metadata", {})


def test_of_a_key_given_twice_the_last_counts(api: Api) -> None:
    content = '{"kind": "image", "kind": "enhance", "prompt": "x", "prompt": "Plan a picnic for twelve people."}'
    answer = api.http.post("/v1/jobs", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 202
    assert api.finished(answer.json()["id"])["kind"] == ENHANCE["kind"]


def test_the_character_set_and_the_case_of_the_content_type_do_not_matter(api: Api) -> None:
    answer = api.http.post(
        "/v1/jobs",
        content=b'{"kind":"enhance","prompt":"Plan a picnic for twelve people."}',
        headers={"content-type": "Application/JSON; charset=utf-8"},
    )
    assert answer.status_code == 202
    assert api.finished(answer.json()["id"])["status"] == "succeeded"
