"""``make check``: every static check once, a line each; what a check found is printed at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local.rendering import ROOT

BIN = Path(sys.executable).parent
FOLDER = ROOT / ".local" / "check"
SHOWN_LINES = 40
RENDERED = FOLDER / "template.json"
SHIPPED_AND_RUN = ("benchmarks", "functions", "layers", "local", "operations")
CHECKOV = ROOT / ".local" / "checkov" / "env" / "bin" / "checkov"


@dataclass(frozen=True)
class Check:
    name: str
    commands: tuple[tuple[str | Path, ...], ...]


@dataclass(frozen=True)
class Outcome:
    check: Check
    passed: bool
    seconds: float
    output: str


# The slow ones first: they run side by side.
CHECKS = (
    Check("types (mypy)", ((BIN / "mypy",),)),
    Check(
        "template as CloudFormation (cfn-lint, checkov)",
        (
            (sys.executable, "-m", "local.rendering", RENDERED),
            (BIN / "cfn-lint", RENDERED),
            (CHECKOV, "--config-file", ".checkov.yaml", "--file", RENDERED),
        ),
    ),
    Check("template as SAM (sam validate --lint)", ((BIN / "sam", "validate", "--lint", "--region", "us-east-1"),)),
    Check("secrets (detect-secrets)", ((sys.executable, "-m", "local.secret_scan"),)),
    Check("lint (ruff)", ((BIN / "ruff", "check", "--quiet", "--output-format", "concise", "."),)),
    Check("format (ruff)", ((BIN / "ruff", "format", "--check", "--quiet", "--output-format", "concise", "."),)),
    Check("import lines (import-linter)", ((BIN / "lint-imports", "--no-logo", "--cache-dir", FOLDER / "imports"),)),
    Check(
        "security (bandit)",
        ((BIN / "bandit", "--quiet", "--configfile", "pyproject.toml", "--recursive", *SHIPPED_AND_RUN),),
    ),
    Check(
        "locks and documents (pytest)",
        ((sys.executable, "-m", "pytest", "tests/architecture/test_repository.py"),),
    ),
)


def run(check: Check, *, folder: Path = ROOT) -> Outcome:
    """Runs the commands of a check in the repository at ``folder`` until one fails."""
    started = time.monotonic()
    passed, output = True, ""
    # SAM and import-linter find the package by it; the template's tools must not meet the host's AWS set-up.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"PYTHONPATH": os.pathsep.join([str(ROOT / "layers" / "core"), str(ROOT)]), "SAM_CLI_TELEMETRY": "0"}
    for command in check.commands:
        result = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode:
            passed, output = False, result.stdout
            break
    return Outcome(check, passed, time.monotonic() - started, output)


def write_out(outcome: Outcome) -> Path:
    file = FOLDER / f"{outcome.check.name.partition(' ')[0]}.log"
    file.write_text(outcome.output)
    return file.relative_to(ROOT)


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    outcomes = []
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        for outcome in pool.map(run, CHECKS):
            print(f"{'ok  ' if outcome.passed else 'FAIL'}  {outcome.seconds:4.1f} s  {outcome.check.name}", flush=True)
            outcomes.append(outcome)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    for outcome in failed:
        lines = outcome.output.strip().splitlines()
        print(f"\n---- {outcome.check.name}", *lines[:SHOWN_LINES], sep="\n")
        if len(lines) > SHOWN_LINES:
            print(f"... and {len(lines) - SHOWN_LINES} lines more; all of it is in {write_out(outcome)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
