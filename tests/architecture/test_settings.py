"""The template sets what the code asks for: no more, and no less."""

from __future__ import annotations

import ast
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from local.rendering import read_template
from promptmill.settings import Settings, variable_name
from tests.architecture.source import FUNCTIONS, PACKAGE_FILES, closure, code, module_name, names_taken_from, tree

if TYPE_CHECKING:
    from pathlib import Path

FIELDS = {field.name for field in fields(Settings)}


def settings_read_in(node: ast.AST) -> set[str]:
    """The fields some code reads: ``settings().require("a", "b")`` and ``settings().c``."""
    read: set[str] = set()
    for part in code(node):
        if isinstance(part, ast.Attribute) and ast.unparse(part.value) == "settings()" and part.attr != "require":
            read.add(part.attr)
        if isinstance(part, ast.Call) and ast.unparse(part.func) == "settings().require":
            read |= {ast.literal_eval(argument) for argument in part.args}
    return read


def settings_of(app: Path) -> set[str]:
    """The fields a function's code can read, now or later.

    A read counts when the top-level definition it stands in is imported by name, or used in its own module, anywhere in
    what the function can come to import.
    """
    files = closure(app)
    read: set[str] = set()
    for file in files:
        for definition in tree(file).body:
            name = getattr(definition, "name", None)
            inside = settings_read_in(definition)
            if not inside or not name:
                assert not inside, f"{module_name(file)} reads settings when it is imported"
                continue
            others = (other for other in tree(file).body if other is not definition)
            used_here = any(isinstance(n, ast.Name) and n.id == name for other in others for n in code(other))
            if file == app or used_here or any(name in names_taken_from(f, module_name(file)) for f in files):
                read |= inside
    return read


def variables_of(function: str) -> set[str]:
    """The settings the template gives this function and no other; those of Globals are for all."""
    properties = read_template()["Resources"][function]["Properties"]
    return {name for name in properties["Environment"]["Variables"] if name.startswith("PROMPTMILL_")}


def global_variables() -> set[str]:
    variables = read_template()["Globals"]["Function"]["Environment"]["Variables"]
    return {name for name in variables if name.startswith("PROMPTMILL_")}


@pytest.mark.parametrize("app", FUNCTIONS, ids=module_name)
def test_a_function_is_given_exactly_the_settings_its_code_can_read(app: Path) -> None:
    function = "".join(word.capitalize() for word in app.parent.name.split("_")) + "Function"
    read = {variable_name(name) for name in settings_of(app)}
    assert variables_of(function) == read - global_variables()


def test_every_setting_is_read_somewhere_and_set_somewhere() -> None:
    read = {name for file in (*PACKAGE_FILES, *FUNCTIONS) for name in settings_read_in(tree(file))}
    assert read == FIELDS
    functions = [name for name, r in read_template()["Resources"].items() if r["Type"] == "AWS::Serverless::Function"]
    given = global_variables().union(*(variables_of(function) for function in functions))
    assert given == {variable_name(name) for name in FIELDS}


def test_settings_are_read_in_the_one_form_this_test_understands() -> None:
    for file in (*PACKAGE_FILES, *FUNCTIONS):
        if module_name(file) == "promptmill.settings":
            continue
        for node in code(tree(file)):
            if isinstance(node, ast.Name) and node.id in {"Settings", "read_settings"}:
                raise AssertionError(f"{module_name(file)} reads settings past settings()")
        calls = [n for n in code(tree(file)) if isinstance(n, ast.Call) and ast.unparse(n.func) == "settings"]
        uses = [n for n in code(tree(file)) if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "settings()"]
        assert len(calls) == len(uses), f"{module_name(file)} keeps the settings in a variable"
