"""What log lines are made of: a list of fields, none of which is anything a caller wrote."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.architecture.source import FUNCTIONS, PACKAGE_FILES, code, module_name, tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Ids, names and figures; a line about a request, a step, or what went wrong.
FIELDS = {
    *("method", "route", "status", "request_id", "correlation_id", "duration_ms"),
    *("job_id", "kind", "replay_of", "compared_with", "redriven_from", "mode", "left_to"),
    *("user_id", "admin", "key_id", "subject"),
    *("webhook_id", "event_id", "message_id", "attempt", "status_code", "reason"),
    *("step", "model", "outcome", "work", "call"),
    *("error", "causes", "place"),
}
WRITTEN_BY_CALLERS = {
    *("headers", "multiValueHeaders", "request_header", "cookies", "user_agent"),
    *("query", "query_parameters", "queryStringParameters", "multiValueQueryStringParameters"),
    *("path", "instance", "pathParameters", "body", "raw_event", "content", "input", "prompt", "metadata", "text"),
    *("authorization", "authorizer", "credential", "token", "secret", "claims", "email", "idempotency_key"),
    *("detail", "args", "response"),
}
# One of two words; names and codes.
ALLOWED_EXPRESSIONS = {"body.mode.value", "_causes(error)", "attempt.error"}
# ``note`` is what ``logged_step`` yields.
FACTS_OF = {"note_in_log", "logged_step", "note", "log_given_up", "log_attempt", "log_disabled"}
# What a step works on that a request has made, and what that request is called.
MADE_BY_A_REQUEST = {"job_id", "event_id"}
CORRELATION = "correlation_id"
LINES_OF = {"debug", "info", "warning", "warn", "error", "exception", "critical", "log"}
WRITERS = {"promptmill.http.resolver", "promptmill.step_log"}
FILES = [*PACKAGE_FILES, *FUNCTIONS]


def logging_calls(file: Path) -> Iterator[ast.Call]:
    """The calls that give a line its fields: ours, and the loggers' own."""
    for node in code(tree(file)):
        if isinstance(node, ast.Call):
            called = node.func
            is_ours = isinstance(called, ast.Name) and called.id in FACTS_OF
            if is_ours or is_a_loggers_own(called):
                yield node


def is_a_loggers_own(called: ast.expr) -> bool:
    return (
        isinstance(called, ast.Attribute) and called.attr in LINES_OF and "logger" in ast.unparse(called.value).lower()
    )


def fields(call: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """Each field with what it is made of; what is passed on whole is checked where it comes from."""
    for keyword in call.keywords:
        if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict):
            for key, value in zip(keyword.value.keys, keyword.value.values, strict=True):
                if key is not None:
                    yield ast.literal_eval(key), value
        elif keyword.arg is not None:
            yield keyword.arg, keyword.value


def words(expression: ast.expr) -> set[str]:
    """The names, attributes and strings an expression is made of."""
    found = set()
    for node in ast.walk(expression):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.Constant(value=str(word)):
                found.add(word)
    return found


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_a_log_line_has_fields_of_the_list_and_nothing_a_caller_wrote(file: Path) -> None:
    for call in logging_calls(file):
        for name, expression in fields(call):
            assert name in FIELDS, ast.unparse(call)
            if ast.unparse(expression) not in ALLOWED_EXPRESSIONS:
                assert not words(expression) & WRITTEN_BY_CALLERS, ast.unparse(call)
                # An error's text may quote anything; its name does not.
                assert "error" not in words(expression) or "__name__" in words(expression), ast.unparse(call)


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_the_message_of_a_line_is_a_fixed_text(file: Path) -> None:
    for call in logging_calls(file):
        if is_a_loggers_own(call.func):
            assert len(call.args) == 1, ast.unparse(call)
            assert isinstance(call.args[0], ast.Constant), ast.unparse(call)


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_only_the_edges_write_lines_and_pass_fields_on(file: Path) -> None:
    if module_name(file) in WRITERS:
        assert list(logging_calls(file))
        return
    for call in logging_calls(file):
        assert not is_a_loggers_own(call.func), ast.unparse(call)
        assert all(keyword.arg for keyword in call.keywords), ast.unparse(call)


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_a_line_about_a_job_or_an_event_says_which_request_it_goes_back_to(file: Path) -> None:
    """In the function that says which job it is, at once or when the job has been read."""
    for function in code(tree(file)):
        if isinstance(function, ast.FunctionDef):
            names = fields_named_in(function)
            assert CORRELATION in names or not names & MADE_BY_A_REQUEST, ast.unparse(function)


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_what_was_given_up_says_of_which_job_or_event_and_which_request_it_goes_back_to(file: Path) -> None:
    """A sign-in is of no request of ours, and says of which user."""
    for call in logging_calls(file):
        if ast.unparse(call.func) == "log_given_up":
            names = {name for name, _ in fields(call)}
            goes_back = CORRELATION in names and names & MADE_BY_A_REQUEST
            assert goes_back or "user_id" in names, ast.unparse(call)


def fields_named_in(function: ast.FunctionDef) -> set[str]:
    calls = [node for node in code(function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    named = {name for call in calls if ast.unparse(call.func) in FACTS_OF for name, _ in fields(call)}
    return named | ({CORRELATION} if any(ast.unparse(call.func) == "note_job" for call in calls) else set())


def test_every_field_of_the_list_is_on_some_line() -> None:
    used = {name for file in FILES for call in logging_calls(file) for name, _ in fields(call)}
    assert used == FIELDS
