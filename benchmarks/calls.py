"""What a job and an event ask of AWS: the calls of each handler, counted, with their time and their DynamoDB units."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cold_start import INTERPRETER
from benchmarks.latency import ENHANCE, IMAGE
from local.sam import CREDENTIALS, ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.stack import Stack

UNLIMITED = "requests_per_minute=100000,burst=100000,concurrent_jobs=100000,images_per_day=100000,daily_usd=100000"
PROBES = Path(__file__).with_name("probes")
KINDS = {
    "enhance": {"body": ENHANCE, "function": "invoke_bedrock", "model": "claude-haiku-4.5"},
    "image": {"body": IMAGE, "function": "invoke_flux", "model": "flux-schnell"},
}


def measure(stack: Stack, built: Path, variables: Mapping[str, Mapping[str, str]], *, rounds: int) -> dict[str, Any]:
    """By kind and step: ``calls`` (``{"call", "units"}``), ``wall_ms`` and ``cpu_ms``; see the probe."""
    return _run("handlers.py", {"kinds": KINDS, "rounds": rounds}, stack, built, variables)


def measure_events(
    stack: Stack, built: Path, variables: Mapping[str, Mapping[str, str]], rounds: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """The same by step of an event. A round is the messages of two events; see the probe."""
    return _run("events.py", {"rounds": rounds}, stack, built, variables)


def _run(
    probe: str, work: Mapping[str, Any], stack: Stack, built: Path, variables: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    folders = {name: str(built / f"{''.join(part.title() for part in name.split('_'))}Function") for name in variables}
    merged: dict[str, str] = {}
    for own in variables.values():
        merged |= own
    environment = {
        **merged,
        **CREDENTIALS,
        "PATH": os.environ["PATH"],
        # The layer's packages come before those of the same name beside this one.
        "PYTHONPATH": os.pathsep.join([str(built / "CoreLayer" / "python"), str(ROOT)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "PROMPTMILL_ANONYMOUS_LIMITS": UNLIMITED,
        "PROMPTMILL_USER_LIMITS": UNLIMITED,
    }
    result = subprocess.run(
        [INTERPRETER, "-P", PROBES / probe],
        input=json.dumps({"functions": folders, **work}),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=built,
    )
    if result.returncode:
        raise RuntimeError(f"counting the calls failed: {result.stderr.strip()[-1500:]}")
    found: dict[str, Any] = json.loads(result.stdout)
    return found
