"""Who may import whom, and what an import may do."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from local.rendering import ROOT, read_template
from tests.architecture.source import (
    FUNCTIONS,
    PACKAGE_FILES,
    STEP_FUNCTIONS,
    closure,
    dotted_uses,
    imported_modules,
    module_name,
    names_taken_from,
)

CLOCK_MODULES = {"time", "secrets", "random", "uuid"}
CLOCK_USES = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "os.urandom"}
NETWORK_MODULES = {"http.client", "http.server", "socket", "ssl", "urllib.request", "httpx", "requests", "urllib3"}
# Functions of the clock that compute and do not read it.
PURE_CLOCK = {"timestamp", "epoch_ms", "instant_ms", "derived_id", "hashed_id", "is_id"}

# Powertools imports the bare botocore package, half a millisecond, to see whether there is an SDK.
SDKS = {"boto3", "botocore.session", "botocore.client", "aws_xray_sdk", "ddtrace"}

# Run in a process of its own: no environment, no sockets, no files but code, and no other process.
PROBE = """
import importlib, importlib.util, json, sys

touched = []

def watch(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.spawn", "urllib.")):
        touched.append(event)
    if event == "open" and isinstance(arguments[0], str):
        path, mode = arguments[0], arguments[1] or "r"
        if any(c in mode for c in "wax+") and not path.endswith(".pyc") and ".pyc." not in path:
            touched.append(f"writes {path}")
        if path.startswith(root) and not path.endswith((".py", ".pyc")) and ".pyc." not in path:
            touched.append(f"reads {path}")

root, *wanted = sys.argv[1:]
sys.path.insert(0, f"{root}/layers/core")
sys.addaudithook(watch)
for name in wanted:
    if name.endswith(".py"):
        spec = importlib.util.spec_from_file_location("app", name)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    else:
        importlib.import_module(name)
print(json.dumps({"touched": touched, "modules": sorted(sys.modules)}))
"""


def modules_of(file: Path) -> set[str]:
    """The top-level modules a file imports."""
    return {name.partition(".")[0] for name in imported_modules(file)}


def import_alone(*wanted: str) -> tuple[list[str], set[str]]:
    """(what the import touched outside, the modules it pulled in) in a fresh process without settings."""
    variables = read_template()["Globals"]["Function"]["Environment"]["Variables"]
    libraries = {name: value for name, value in variables.items() if not name.startswith("PROMPTMILL_")}
    result = subprocess.run(
        [sys.executable, "-B", "-c", PROBE, str(ROOT), *wanted],
        env=libraries, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    return answer["touched"], set(answer["modules"])


def test_the_import_contracts_hold() -> None:
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--cache-dir", ROOT / ".local/check/imports"],
        cwd=ROOT, env={"PYTHONPATH": "layers/core"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr


def test_importing_the_package_does_nothing() -> None:
    touched, modules = import_alone(*(module_name(file) for file in PACKAGE_FILES))
    assert touched == []
    assert modules.isdisjoint(SDKS)


@pytest.mark.parametrize("app", FUNCTIONS, ids=module_name)
def test_importing_a_function_does_nothing_and_brings_no_sdk(app: Path) -> None:
    touched, modules = import_alone(str(app))
    assert touched == []
    assert modules.isdisjoint(SDKS)


def test_reading_a_job_needs_no_pydantic() -> None:
    _, modules = import_alone(str(ROOT / "functions/read_jobs/app.py"))
    assert modules.isdisjoint({"pydantic", "pydantic_core"})


def test_only_the_authorizer_can_come_to_load_what_verifies_signatures() -> None:
    """20 milliseconds of a cold start, and not of its import: with a key or no credential none of it is needed."""
    libraries = {"cryptography", "jwt"}
    verifying = {app.parent.name for app in FUNCTIONS if any(modules_of(file) & libraries for file in closure(app))}
    assert verifying == {"authorize_caller"}
    _, modules = import_alone(str(ROOT / "functions/authorize_caller/app.py"))
    assert modules.isdisjoint(libraries)


@pytest.mark.parametrize("app", STEP_FUNCTIONS, ids=module_name)
def test_a_step_function_needs_neither_pydantic_nor_powertools(app: Path) -> None:
    _, modules = import_alone(str(app))
    assert modules.isdisjoint({"pydantic", "aws_lambda_powertools"})


@pytest.mark.parametrize("app", FUNCTIONS, ids=module_name)
def test_a_function_imports_the_package_and_the_standard_library_only(app: Path) -> None:
    allowed = {"promptmill", *sys.stdlib_module_names}
    assert modules_of(app) <= allowed


@pytest.mark.parametrize("file", PACKAGE_FILES + FUNCTIONS, ids=module_name)
def test_only_settings_reads_the_environment(file: Path) -> None:
    if module_name(file) == "promptmill.settings":
        return
    assert "os" not in imported_modules(file)
    assert {use for use in dotted_uses(file) if use.startswith(("os.environ", "os.getenv"))} == set()


@pytest.mark.parametrize("file", PACKAGE_FILES + FUNCTIONS, ids=module_name)
def test_only_the_clock_reads_time_and_chance(file: Path) -> None:
    if module_name(file) == "promptmill.clock":
        return
    # Pauses between reads of a job; a test passes its own.
    sleeps = {"time"} if module_name(file) == "promptmill.jobs.waiting" else set()
    assert imported_modules(file) & CLOCK_MODULES <= sleeps
    assert {use for use in dotted_uses(file) if use in CLOCK_USES} == set()
    assert {use for use in dotted_uses(file) if use.startswith("time.")} <= {"time.sleep"}


@pytest.mark.parametrize("file", PACKAGE_FILES, ids=module_name)
def test_only_providers_identity_and_who_sends_webhooks_speak_to_the_network_themselves(file: Path) -> None:
    if module_name(file).startswith(("promptmill.providers.", "promptmill.identity.")):
        return
    if module_name(file) in {"promptmill.events.webhooks.gateway", "promptmill.deadline"}:
        return
    assert imported_modules(file) & NETWORK_MODULES == set()


def test_decisions_compute_with_times_but_do_not_read_the_clock() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (pure,) = (tuple(contract["source_modules"]) for contract in contracts if contract["id"] == "pure")
    decisions = [file for file in PACKAGE_FILES if module_name(file).startswith(pure)]
    assert decisions
    assert {name for file in decisions for name in names_taken_from(file, "promptmill.clock")} <= PURE_CLOCK


def test_nothing_of_the_package_is_printed_but_the_openapi_document() -> None:
    printing = {module_name(file) for file in PACKAGE_FILES if "print(" in file.read_text(encoding="utf-8")}
    assert printing == {"promptmill.http.openapi"}
