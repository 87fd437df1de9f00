"""The source as its syntax trees say: what a module imports, calls and names, without importing it."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING

from local.rendering import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = ROOT / "layers" / "core" / "promptmill"
FUNCTIONS = sorted((ROOT / "functions").glob("*/app.py"))
# Called by API Gateway, by its authorizers or Cognito, on a schedule, or with what is in a queue; every other function
# is a step of a workflow.
API_FUNCTIONS = {"submit_job", "read_jobs", "cancel_job", "redrive_job", "serve_me", "delete_user", "read_limits"} | {
    "administer_access",
    "read_analytics",
}
SIGN_IN_FUNCTIONS = {"authorize_caller", "record_sign_in"}
SCHEDULED_FUNCTIONS = {"sweep_jobs", "release_deliveries"}
QUEUE_FUNCTIONS = {"record_analytics", "fan_out_event", "deliver_webhook"}
STEP_FUNCTIONS = [
    app
    for app in FUNCTIONS
    if app.parent.name not in API_FUNCTIONS | SIGN_IN_FUNCTIONS | SCHEDULED_FUNCTIONS | QUEUE_FUNCTIONS
]
PACKAGE_FILES = sorted(PACKAGE.rglob("*.py"))


def module_name(file: Path) -> str:
    """``promptmill.jobs.store`` for its file; a function's is its folder."""
    if not file.is_relative_to(PACKAGE):
        return file.parent.name
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


@cache
def file_of(module: str) -> Path | None:
    """The file of a module of the package, or None for a module from elsewhere."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if module.startswith("promptmill") and file.exists()), None)


def code(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs, wherever it stands: all but what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from code(child)


@cache
def imported_modules(file: Path) -> frozenset[str]:
    """Every module the file imports when it runs, now or later; ``from package import name`` gives both."""
    found: set[str] = set()
    for node in code(tree(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: imports are absolute"
            found.add(str(node.module))
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def closure(file: Path) -> frozenset[Path]:
    """The file and every file of the package it can come to import."""
    seen: set[Path] = set()
    pending = [file]
    while pending:
        current = pending.pop()
        if current not in seen:
            seen.add(current)
            pending += [found for name in imported_modules(current) if (found := file_of(name))]
    return frozenset(seen)


def names_taken_from(file: Path, module: str) -> set[str]:
    """The names a file imports from one module."""
    return {
        alias.name
        for node in code(tree(file))
        if isinstance(node, ast.ImportFrom) and node.module == module
        for alias in node.names
    }


def dotted_uses(file: Path) -> set[str]:
    """Every dotted expression such as ``datetime.now`` or ``os.environ`` the file evaluates."""
    return {
        ast.unparse(node)
        for node in code(tree(file))
        if isinstance(node, ast.Attribute) and isinstance(node.value, (ast.Name, ast.Attribute))
    }
