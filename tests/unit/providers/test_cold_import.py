"""A Lambda function imports these modules cold, whichever provider it then uses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CORE = Path(__file__).parents[3] / "layers" / "core"
HEAVY = (
    "boto3",
    "botocore",
    "urllib3",
    "pydantic",
    "requests",
    "httpx",
    "http.client",
    "ssl",
    "email",
    "typing_extensions",
)


@pytest.mark.parametrize("module", ["bedrock", "flux", "rules", "cost", "catalog", "image_format"])
def test_importing_a_provider_loads_no_sdk_and_no_http_client(module: str) -> None:
    program = f"import sys, promptmill.providers.{module}\nprint(*sorted({set(HEAVY)!r} & set(sys.modules)))"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CORE)}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
