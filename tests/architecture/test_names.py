"""One name through every layer, and names that say something."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from local.rendering import ROOT, read_template
from tests.architecture.machines import MACHINES, lambda_tasks
from tests.architecture.source import FUNCTIONS, PACKAGE_FILES, STEP_FUNCTIONS, module_name, tree

if TYPE_CHECKING:
    from pathlib import Path

BANNED = {"utils", "util", "helpers", "helper", "common", "manager", "processor", "service", "data", "info", "misc"}
SOURCES = sorted(
    file
    for folder in ("layers/core/promptmill", "functions", "local", "operations", "tests", "benchmarks")
    for file in (ROOT / folder).rglob("*.py")
)
MAX_LINES = 300
MAX_FUNCTION_LINES = 40


def camel(snake: str) -> str:
    return "".join(word.capitalize() for word in snake.split("_"))


def says_nothing(name: str) -> bool:
    """Whether the last word of a name, in camel or snake case, is a banned one: ``JobManager``, ``text_utils``."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return bool(words) and words[-1].lower() in BANNED


def function_resources() -> list[str]:
    return [
        name
        for name, resource in read_template()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    ]


def test_every_function_folder_is_a_function_of_the_template_and_the_other_way_round() -> None:
    folders = {f"{camel(app.parent.name)}Function": f"functions/{app.parent.name}/" for app in FUNCTIONS}
    resources = read_template()["Resources"]
    assert {name: resources[name]["Properties"]["CodeUri"] for name in function_resources()} == folders


@pytest.mark.parametrize("app", STEP_FUNCTIONS, ids=module_name)
def test_a_step_function_has_one_name_from_its_folder_to_its_state(app: Path) -> None:
    name = app.parent.name
    states = {state: task["Arguments"]["FunctionName"] for m in MACHINES for state, task in lambda_tasks(m).items()}
    assert states.get(camel(name)) == f"${{{camel(name)}FunctionArn}}"
    workflows = [r for r in read_template()["Resources"].values() if r["Type"] == "AWS::Serverless::StateMachine"]
    given = [w["Properties"]["DefinitionSubstitutions"].get(f"{camel(name)}FunctionArn") for w in workflows]
    assert {"Fn::GetAtt": [f"{camel(name)}Function", "Arn"]} in given


def test_every_lambda_task_is_named_after_its_function() -> None:
    for machine in MACHINES:
        for state, task in lambda_tasks(machine).items():
            assert task["Arguments"]["FunctionName"] == f"${{{state}FunctionArn}}"


def test_no_module_or_class_has_a_name_that_says_nothing() -> None:
    modules = {str(file.relative_to(ROOT)) for file in SOURCES if says_nothing(file.stem)}
    folders = {str(f.parent.relative_to(ROOT)) for f in SOURCES if set(f.parent.relative_to(ROOT).parts) & BANNED}
    classes = {
        node.name
        for file in SOURCES
        for node in ast.walk(tree(file))
        if isinstance(node, ast.ClassDef) and says_nothing(node.name)
    }
    assert modules | folders | classes == set()


def test_no_file_is_longer_than_a_reader_keeps_in_mind() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in SOURCES}
    assert {file: length for file, length in lengths.items() if length > MAX_LINES} == {}


def test_a_function_parses_calls_and_returns_in_at_most_forty_lines() -> None:
    lengths = {app.parent.name: len(app.read_text(encoding="utf-8").splitlines()) for app in FUNCTIONS}
    assert {name: length for name, length in lengths.items() if length > MAX_FUNCTION_LINES} == {}


def test_every_package_module_says_what_it_is() -> None:
    silent = [str(f.relative_to(ROOT)) for f in PACKAGE_FILES if f.stat().st_size and not ast.get_docstring(tree(f))]
    assert silent == []
