"""How long the authorizer computes over one token, in a process that has verified some."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from benchmarks.cold_start import INTERPRETER

PROBE = Path(__file__).with_name("probes") / "verification.py"


def measure(built: Path, *, n: int) -> dict[str, list[float]]:
    """By algorithm, the CPU milliseconds of ``n`` verifications with the layer's own libraries."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(built / "CoreLayer" / "python"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    result = subprocess.run(
        [INTERPRETER, "-P", PROBE, str(n)], env=environment, cwd=built, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise RuntimeError(f"verifying tokens failed: {result.stderr.strip().splitlines()[-1:]}")
    found: dict[str, list[float]] = json.loads(result.stdout)
    return found
