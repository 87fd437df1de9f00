"""The saved queries ask for fields that log lines have."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.test_log_fields import FIELDS, FILES, fields, is_a_loggers_own, logging_calls
from tests.support.grants import of_type, rendered

# What CloudWatch adds to a line, and the message and its level.
OF_EVERY_LINE = {"@timestamp", "message", "level"}
WORDS = {
    *("fields", "filter", "stats", "sort", "limit", "by", "as", "and", "or", "not", "in", "asc", "desc"),
    *("count", "latest", "ispresent", "pct", "max", "sum"),
}
STEPS = {name.removesuffix("Function") for name in of_type("AWS::Lambda::Function")}


def queries() -> dict[str, str]:
    return {name: found["QueryString"] for name, found in of_type("AWS::Logs::QueryDefinition").items()}


def names(query: str) -> set[str]:
    """The fields a query asks for: its words, without texts, numbers, the language's own, and what it names itself."""
    without_texts = re.sub(r"'[^']*'", "", query)
    made = set(re.findall(r"\bas (\w+)", without_texts))
    return set(re.findall(r"@?[a-zA-Z]\w*", without_texts)) - WORDS - made


@pytest.mark.parametrize("name", sorted(queries()))
def test_a_query_asks_for_fields_of_the_list(name: str) -> None:
    assert names(queries()[name]) <= FIELDS | OF_EVERY_LINE
    assert names(queries()[name]) - OF_EVERY_LINE


@pytest.mark.parametrize("name", sorted(queries()))
def test_a_query_is_filed_by_stage_and_reads_the_functions_log(name: str) -> None:
    properties = of_type("AWS::Logs::QueryDefinition")[name]
    assert properties["Name"]["Fn::Sub"].startswith("promptmill-${Stage}/")
    assert properties["LogGroupNames"] == [{"Ref": "FunctionLogGroup"}]
    assert rendered()[name]["Condition"] == "IsAccount"


def test_a_line_that_a_query_looks_for_is_written() -> None:
    written = {
        ast.literal_eval(call.args[0]) for file in FILES for call in logging_calls(file) if is_a_loggers_own(call.func)
    }
    wanted = {
        text for query in queries().values() for found in re.findall(r"message (?:= |in )(\[.+?]|'[^']+')", query)
        for text in re.findall(r"'([^']+)'", found)
    }  # fmt: skip
    assert wanted
    assert wanted <= written


def test_a_step_that_a_query_names_is_a_step() -> None:
    named = {
        step for query in queries().values() for found in re.findall(r"step in \[(.+?)]", query)
        for step in re.findall(r"'(\w+)'", found)
    }  # fmt: skip
    assert named
    assert named <= STEPS


def test_who_did_what_has_all_that_lines_say_of_what_an_admin_did() -> None:
    said = [{name for name, _ in fields(call)} for file in FILES for call in logging_calls(file)]
    of_admins = {name for line in said if "admin" in line for name in line}
    assert {"key_id", "webhook_id"} < of_admins <= names(queries()["AdminsQuery"])
