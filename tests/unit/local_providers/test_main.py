import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_port_answers_there_and_ends_when_told(number: signal.Signals) -> None:
    environment = {
        name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PROMPTMILL_LLM_URL"}
    }
    command = [sys.executable, "-m", "local.providers", "--port", "0", "--bedrock-endpoint", "http://127.0.0.1:1"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            port = json.loads(process.stdout.readline())["port"]
            assert httpx.get(f"http://127.0.0.1:{port}/_health", trust_env=False).json()["status"] == "ok"
        finally:
            process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert process.stdout.read() == ""
