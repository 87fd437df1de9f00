"""Every command of the README is run, or is a make target that its own tests run."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from local.environment import shell_environment
from local.rendering import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from local.stack import Stack

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
ENVIRONMENT_FILE = ".local/env"
# Brings up and takes down the developer's own stack, runs all tests, measures: each is run by what it is the name of.
MAKE = re.compile(r"make [a-z]+( [A-Z]+=\w+)?\s*(#.*)?")

# A curl that answers an error with an error, for a README shows requests that work.
PREAMBLE = """
set -euo pipefail
trap 'kill $(jobs -p) 2> /dev/null || true' EXIT
curl() { command curl --fail-with-body --max-time 40 "$@"; }
"""


def commands(block: str) -> list[str]:
    """The lines of a block that are not make and not comments, continued lines in one."""
    lines = re.sub(r"\\\n\s*|\|\n\s*", lambda gap: "| " if gap[0][0] == "|" else " ", block).splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#") and not MAKE.fullmatch(line)]


def test_the_readme_shows_how_to_run_it() -> None:
    assert {"make demo", "make test", "make up", "make down", "make check"} <= set(re.findall(r"make [a-z]+", README))


def test_every_make_target_in_the_readme_exists_and_make_help_lists_it() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    named = set(re.findall(r"`make\s([a-z]+)", README)) | {
        found[1] for block in BLOCKS for found in re.finditer(r"^make ([a-z]+)", block, re.MULTILINE)
    }
    assert {target for target in named if f"make {target} " not in listed} == set()


def test_every_block_is_either_make_or_the_use_of_a_running_stack() -> None:
    using = [block for block in BLOCKS if commands(block)]
    assert len(using) == 1
    assert f". {ENVIRONMENT_FILE}" in using[0]


@pytest.mark.timeout(180)
def test_the_commands_for_using_it_work_as_they_stand(stack: Stack, tmp_path: Path) -> None:
    (block,) = [block for block in BLOCKS if commands(block)]
    environment = tmp_path / "env"
    environment.write_text(shell_environment(stack))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    receiving = (f"https://localhost:{port}/", f"receive-webhooks --port {port} ")
    script = PREAMBLE + "\n".join(commands(block)).replace(ENVIRONMENT_FILE, str(environment)) + "\n"
    for written, free_one in zip(("https://localhost:8443/", "receive-webhooks "), receiving, strict=True):
        assert written in script
        script = script.replace(written, free_one)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    result = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=clean, capture_output=True, text=True, check=False, timeout=150
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    assert "enhancedPrompt" in result.stdout
    assert '"object":"job"' in result.stdout
    assert "GenerationWorkflow" in result.stdout or "executionArn" in result.stdout
    assert "job.accepted" in result.stdout or "job.succeeded" in result.stdout
    assert "signature holds" in result.stdout
    assert '"object":"report"' in result.stdout


def test_every_place_the_readme_links_to_exists() -> None:
    links = {link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link}
    assert {link for link in links if not (ROOT / link).exists()} == set()
