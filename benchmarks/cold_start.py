"""Cold starts: functions in fresh processes, next to the floor, a bare ``import boto3`` with one client."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.samples import median
from local.sam import CREDENTIALS, ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

PROBE = Path(__file__).with_name("probes") / "cold_start.py"
INTERPRETER = ROOT / ".local" / "ministack" / "env" / "bin" / "python"
FLOOR = "floor"
# Those that a caller, a job or an event waits for; the probe knows how to make each of them ready.
FUNCTIONS = (
    "authorize_caller",
    "submit_job",
    "read_jobs",
    "cancel_job",
    "assemble_prompt",
    "invoke_bedrock",
    "invoke_flux",
    "enhance_by_rules",
    "replay_recorded",
    "sweep_jobs",
    "fan_out_event",
    "deliver_webhook",
    "record_analytics",
    "read_analytics",
)


def measure(built: Path, variables: Mapping[str, Mapping[str, str]], *, rounds: int, scratch: Path) -> dict[str, Any]:
    """Medians by function, once with the layer as it is deployed and once without the bytecode in it.

    ``variables`` are the functions' own, by folder name. The runs of a round are interleaved, so that whatever else the
    machine does falls on all alike. boto3 always has its bytecode, as in the Lambda runtime.
    """
    copy = scratch / "built"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(built, copy)
    names = [FLOOR, *variables]
    found: dict[str, Any] = {}
    for state in ("as_deployed", "without_bytecode"):
        if state == "without_bytecode":
            for cache in sorted(copy.rglob("__pycache__")):
                shutil.rmtree(cache)
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for number in range(rounds + 1):
            for name in names:
                run = _run(name, copy, variables.get(name, {}))
                if number:  # the first round warms the disk
                    runs[name].append(run)
        found[state] = {name: _medians(runs[name]) for name in names}
    return found


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {key: median([run[key] for run in runs]) for key in runs[0]}


def _run(name: str, built: Path, variables: Mapping[str, str]) -> dict[str, float]:
    environment = {
        "PATH": os.environ["PATH"],
        **CREDENTIALS,
        # A layer is mounted read-only: bytecode that did not come with it is compiled again at every cold start.
        "PYTHONDONTWRITEBYTECODE": "1",
        **variables,
    }
    if name != FLOOR:
        folder = "".join(part.title() for part in name.split("_")) + "Function"
        environment["PYTHONPATH"] = f"{built / 'CoreLayer' / 'python'}{os.pathsep}{built / folder}"
    # -P: the probe's own folder is not on a Lambda's path.
    result = subprocess.run(
        [INTERPRETER, "-P", PROBE, name], env=environment, cwd=built, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise RuntimeError(f"the cold start of {name} failed: {result.stderr.strip().splitlines()[-1:]}")
    run: dict[str, float] = json.loads(result.stdout)
    return run
